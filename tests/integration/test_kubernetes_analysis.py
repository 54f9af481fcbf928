"""Analyses on a real cluster, through port-forwards to the pods of the release (N19)."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.directory_store import DirectoryStore
from slipway.errors import ReleaseFailed
from slipway.ledger import Kind
from tests.fakes.prometheus import FakePrometheus, serving
from tests.rig import analyses, doomed
from tests.rig.doomed import Site
from tests.rig.kubernetes_helm_world import HelmWorld
from tests.rig.kubernetes_manifests import ManifestWorld, front, workload
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_tools import tool
from tests.rig.kubernetes_world import KubernetesWorld

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(300)]


@pytest.fixture
def world(cluster: Cluster, namespace: str) -> KubernetesWorld:
    return KubernetesWorld(cluster, namespace, cluster.push("one"))


@pytest.fixture
def site(world: KubernetesWorld, tmp_path: Path) -> Site:
    return Site(world, tmp_path)  # type: ignore[arg-type]


@pytest.fixture
def prometheus() -> Iterator[FakePrometheus]:
    with serving(FakePrometheus()) as made:
        yield made


def test_a_release_that_breaks_under_synthetic_traffic_is_restored(
    world: KubernetesWorld, site: Site, prometheus: FakePrometheus
) -> None:
    """N19: the verdict is on record, and the way back is not analysed."""
    checks = (analyses.http(), analyses.synthetic(), analyses.prometheus(prometheus.url))
    update = {"analysis": analyses.analysis(*checks)}
    good = world.spec("good", replicas=2).model_copy(update=update)
    site.deploy(good)
    (passed,) = analyses.observed(site.records())
    assert passed["verdict"] == "pass"
    assert [check["verdict"] for check in passed["checks"]] == ["pass", "pass", "pass"]
    assert passed["checks"][1]["requests"] == 124
    asked = len(prometheus.queries)
    bad = world.spec("bad", "faulty:3", replicas=2).model_copy(update=update)
    with pytest.raises(ReleaseFailed):
        asyncio.run(site.engine().deploy(doomed.order(bad)))
    assert world.get() == "200 good"
    assert site.serving == good.id
    assert len(prometheus.queries) == asked
    why = analyses.failed(site.records())
    assert (why["stage"], why["cause"]) == ("analyse", "verification")
    assert why["evidence"][0].startswith("answers: pass: ")
    assert "analysis errors (synthetic): fail; found: 11 errors in " in why["summary"]
    assert Kind.QUARANTINE in [record.kind for record in site.records()]


@pytest.mark.parametrize("kind", ["manifests", "chart"])
def test_what_an_app_brings_itself_is_analysed_as_well(
    cluster: Cluster, namespace: str, tmp_path: Path, kind: str
) -> None:
    """N19: the pods that its own objects make."""
    image = cluster.push("one")
    update = {"analysis": analyses.analysis(analyses.http(), analyses.synthetic())}
    world: HelmWorld | ManifestWorld
    if kind == "chart":
        world = HelmWorld(cluster, namespace, image, helm=tool("helm4"), folder=tmp_path)
        spec = world.spec("good", bake_millis=100)
    else:
        store = DirectoryStore(tmp_path / "ledger")
        world = ManifestWorld(cluster, namespace, image, store=store)
        plain = world.spec("good", bake_millis=100)
        spec = world.with_manifests(plain, workload("web"), front())
    seen = world.deploy(spec.model_copy(update=update))
    assert seen[analyses.ANALYSED]["verdict"] == "pass"
    assert seen[analyses.ANALYSED]["checks"][1]["requests"] == 124


def test_a_server_that_does_not_answer_is_no_pass(world: KubernetesWorld, site: Site) -> None:
    """N19: inconclusive, by the server's fault and not the candidate's."""
    site.deploy(world.spec("good"))
    with serving(FakePrometheus()) as gone:
        address = gone.url
    checks = analyses.analysis(analyses.prometheus(address))
    bad = world.spec("new").model_copy(update={"analysis": checks})
    with pytest.raises(ReleaseFailed):
        asyncio.run(site.engine().deploy(doomed.order(bad)))
    assert world.get() == "200 good"
    why = analyses.failed(site.records())
    assert why["cause"] == "network"
    assert "analysis measured (prometheus): inconclusive" in why["summary"]
    assert Kind.QUARANTINE not in [record.kind for record in site.records()]
