"""A node that hangs amid a rollout: told as that, and nothing is called a success."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.errors import Cause, ReleaseFailed, VerificationFailed
from slipway.ledger import Kind
from slipway.platform import Stage
from tests.rig import doomed
from tests.rig.doomed import Site
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_world import KubernetesWorld

pytestmark = [pytest.mark.kubernetes, pytest.mark.alone, pytest.mark.timeout(300)]
KUBELET = "kubelet"


@pytest.fixture
def site(own_cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[Site]:
    """Release `base` serves; the kubelet runs again afterwards, whatever happened."""
    world = KubernetesWorld(own_cluster, namespace, own_cluster.push("one"))
    made = Site(world, tmp_path)  # type: ignore[arg-type]
    made.deploy(world.spec("base", bake_millis=100))
    try:
        yield made
    finally:
        own_cluster.set_daemon(KUBELET, "running")


def hang(site: Site) -> None:
    site.world.cluster.set_daemon(KUBELET, "paused")  # type: ignore[attr-defined]


def test_a_node_that_hangs_before_its_pods_are_there_is_told(
    site: Site, own_cluster: Cluster
) -> None:
    """H5: within bounds, and never as a success; the last good release serves."""
    old, spec = site.serving, site.world.spec("next", deadline=60, bake_millis=100)
    served, left = [], ["workloads applied"]

    def observe(name: str, point: str) -> None:
        if name in left and point == "intended":
            left.clear()
            hang(site)
        if (name, point) == ("failed", "intended"):
            served.append(site.world.get())
            own_cluster.set_daemon(KUBELET, "running")

    with pytest.raises(ReleaseFailed, match="its kubelet does not answer") as caught:
        asyncio.run(site.engine(observe).deploy(doomed.order(spec)))
    assert (caught.value.stage, caught.value.cause) == ("settle", Cause.NETWORK)
    assert served == ["200 base"]
    assert site.world.get() == "200 base"
    assert site.serving == old == site.world.platform.observe(site.world.target).serving
    verified = [r.body["candidate"] for r in site.records() if r.kind is Kind.VERIFIED]
    assert doomed.candidate(spec) not in verified
    assert site.is_settled


def test_a_node_that_hangs_while_it_is_asked_proves_nothing(site: Site) -> None:
    """H5: the pods serve on; what cannot be asked is not verified, and nobody waits for ever."""
    world = site.world
    spec = world.spec("base", bake_millis=100)
    hang(site)
    verify = [s for s in world.platform.forward(spec, None) if s.stage is Stage.VERIFY]
    with pytest.raises(VerificationFailed, match="no answer from web-"):
        world.take(verify)
    assert world.get() == "200 base"
