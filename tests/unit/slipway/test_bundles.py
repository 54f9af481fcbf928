"""Manifests beside the ledger: a rollback finds them without the registry (N12, D2)."""

from pathlib import Path

import pytest

from slipway.bundles import Bundles
from slipway.canonical import sha256_digest
from slipway.directory_store import DirectoryStore
from slipway.errors import LedgerTampered, WayBackMissing
from slipway.manifests import pack, unpack
from slipway.release import KubernetesSpec
from tests.fakes.world import spec

BUNDLE = pack("deploy", {"a.yaml": b"apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"})


def wanted(bundle: bytes | None):
    digest = sha256_digest(bundle) if bundle else None
    place = KubernetesSpec(namespace="shop-prod", service_account="shop", manifests=digest)
    return spec("a").model_copy(update={"kubernetes": place})


@pytest.fixture
def bundles(tmp_path: Path) -> Bundles:
    return Bundles(DirectoryStore(tmp_path))


def test_what_was_kept_is_found_by_the_specification(bundles: Bundles) -> None:
    bundles.keep(wanted(BUNDLE), BUNDLE)
    bundles.keep(wanted(BUNDLE), BUNDLE)
    assert bundles(wanted(BUNDLE)) == unpack(BUNDLE)


def test_a_chart_is_found_as_it_was_kept(bundles: Bundles) -> None:
    release = wanted(None)
    place = release.kubernetes.model_copy(update={"chart": sha256_digest(b"chart")})
    release = release.model_copy(update={"kubernetes": place})
    bundles.keep(release, b"chart")
    assert (bundles.chart(release), bundles(release)) == (b"chart", ())
    assert bundles.chart(wanted(None)) is None


@pytest.mark.parametrize("release", [wanted(None), spec("a")])
def test_a_release_without_manifests_needs_none(bundles: Bundles, release) -> None:
    assert bundles(release) == ()


def test_says_that_they_are_gone(bundles: Bundles) -> None:
    with pytest.raises(WayBackMissing, match=r"the manifests of release \w+ are gone"):
        bundles(wanted(BUNDLE))


def test_refuses_other_bytes_than_the_specification_names(bundles: Bundles, tmp_path: Path) -> None:
    """I7: what lies beside the chain is held to the digest in the chain."""
    release = wanted(BUNDLE)
    bundles.keep(release, BUNDLE)
    kept = next(path for path in tmp_path.rglob("evidence/*"))
    kept.write_bytes(BUNDLE.replace(b"web", b"bew"))
    with pytest.raises(LedgerTampered, match="were changed beside the ledger"):
        bundles(release)
