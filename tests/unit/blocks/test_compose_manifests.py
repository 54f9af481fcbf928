"""A release keeps its manifests beside the ledger; the platform finds them there (N12, D5)."""

from pathlib import Path

import pytest

from blocks.compose import Installation
from slipway.bundles import Bundles, ReadsManifests
from slipway.candidate import Candidate, build_candidate
from slipway.manifests import unpack
from slipway.names import Reference
from slipway.platform import Platform
from slipway.settings import RuntimeSettings
from slipway.source import Source
from tests.fakes.manifests import bundle
from tests.fakes.platform import MemoryPlatform

APPFILE = b"""
app: shop
images: {web: {port: 8000}}
environments: {prod: {platform: kubernetes, manifests: deploy, port: 80}}
"""
BUNDLE = bundle("web")


class Cluster(MemoryPlatform):
    """A platform that applies manifests."""

    bundles: Bundles | None = None

    def read_manifests_by(self, bundles: Bundles) -> None:
        self.bundles = bundles


def candidate() -> Candidate:
    image = Reference("127.0.0.1:5055/shop/web", "sha256:" + "1" * 64)
    source = Source(repository="local", revision="ab" * 20, author="ann@example.org")
    return build_candidate(APPFILE, source, {"web": image}, bundles={"deploy": BUNDLE})


def installation(folder: Path, platform: Platform) -> Installation:
    settings = RuntimeSettings(state=folder, actor="ann@example.org")
    return Installation(settings, lambda settings, name: platform)


def test_a_rollback_reads_the_manifests_that_the_release_kept(tmp_path: Path) -> None:
    """The candidate and its registry are needed for the order alone."""
    cluster = Cluster()
    order = installation(tmp_path, cluster).release(candidate(), "prod", "ann@example.org").order()
    later = installation(tmp_path, cluster)
    later.engine(order.spec.target)
    assert cluster.bundles is not None
    assert cluster.bundles(order.spec) == unpack(BUNDLE)


@pytest.mark.parametrize("platform", [MemoryPlatform(), Cluster()])
def test_only_platforms_that_apply_manifests_are_told(tmp_path: Path, platform: Platform) -> None:
    assert installation(tmp_path, platform).platform("kubernetes") is platform
    assert isinstance(platform, ReadsManifests) is isinstance(platform, Cluster)
