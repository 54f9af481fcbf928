"""A release keeps its manifests beside the ledger; the platform finds them there (N12, D5)."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from blocks.compose import Installation
from slipway.bundles import Bundles, refuse_unread
from slipway.candidate import Candidate, build_candidate
from slipway.errors import BadInput
from slipway.manifests import unpack
from slipway.names import Reference
from slipway.opening import Order
from slipway.platform import Platform
from slipway.release import KubernetesSpec, ReleaseSpec
from slipway.settings import RuntimeSettings
from slipway.source import Source
from tests.fakes.manifests import bundle
from tests.fakes.platform import MemoryPlatform
from tests.fakes.world import spec

APPFILE = b"""
app: shop
images: {web: {port: 8000}}
environments: {prod: {platform: kubernetes, manifests: deploy, port: 80}}
"""
BUNDLE = bundle("web")


@dataclass
class Cluster(MemoryPlatform):
    """A platform that applies manifests."""

    bundles: Bundles | None = None

    def reading(self, bundles: Bundles) -> Platform:
        return replace(self, bundles=bundles)


def candidate() -> Candidate:
    image = Reference("127.0.0.1:5055/shop/web", "sha256:" + "1" * 64)
    source = Source(repository="local", revision="ab" * 20, author="ann@example.org")
    return build_candidate(APPFILE, source, {"web": image}, bundles={"deploy": BUNDLE})


def installation(folder: Path, platform: Platform) -> Installation:
    settings = RuntimeSettings(state=folder, actor="ann@example.org")
    return Installation(settings, lambda settings, name: platform)


def order_on(folder: Path, platform: Platform) -> Order:
    return installation(folder, platform).release(candidate(), "prod", "ann@example.org").order()


def test_a_rollback_reads_the_manifests_that_the_release_kept(tmp_path: Path) -> None:
    """The candidate and its registry are needed for the order alone."""
    order = order_on(tmp_path, Cluster())
    later = installation(tmp_path, Cluster()).engine(order.spec.target).tools.platform
    assert isinstance(later, Cluster)
    assert later.bundles is not None
    assert later.bundles(order.spec) == unpack(BUNDLE)


def test_a_platform_that_would_pass_them_over_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="platform kubernetes takes no manifests"):
        order_on(tmp_path, MemoryPlatform())
    assert not list(tmp_path.rglob("evidence/*"))


class ChartCluster(Cluster):
    """It installs charts as well."""

    installs_charts = True


def with_chart(digest: str) -> ReleaseSpec:
    place = KubernetesSpec(namespace="shop-prod", service_account="shop", chart=digest)
    return spec("a").model_copy(update={"kubernetes": place})


def test_a_chart_needs_a_platform_that_installs_it() -> None:
    release = with_chart("sha256:" + "1" * 64)
    refuse_unread(ChartCluster(), "kubernetes", release)
    with pytest.raises(BadInput, match="platform kubernetes takes no chart"):
        refuse_unread(Cluster(), "kubernetes", release)
