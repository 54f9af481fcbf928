"""A node that hangs amid a rollout: told as that, and nothing is called a success."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.errors import Cause, SlipwayError
from slipway.ledger import Kind
from slipway.release import ReleaseSpec
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


def fail_on(site: Site, spec: ReleaseSpec, boundary: str) -> tuple[SlipwayError, list[str]]:
    """The kubelet stands still from that boundary until the failure: the error, what served."""
    cluster, served, left = site.world.cluster, [], [boundary]  # type: ignore[attr-defined]

    def observe(name: str, point: str) -> None:
        if f"{name}: {point}" in left:
            left.clear()
            cluster.set_daemon(KUBELET, "paused")
        if (name, point) == ("failed", "intended"):
            served.append(site.world.get())
            cluster.set_daemon(KUBELET, "running")

    with pytest.raises(SlipwayError) as caught:
        asyncio.run(site.engine(observe).deploy(doomed.order(spec)))
    return caught.value, served


@pytest.mark.parametrize(
    ("boundary", "stage", "cause", "says"),
    [
        ("workloads applied: intended", "settle", Cause.NETWORK, "its kubelet does not answer"),
        ("traffic switched: recorded", "verify", Cause.VERIFICATION, "no answer from web-"),
    ],
    ids=["before its pods are there", "while it is verified"],
)
def test_a_node_that_hangs_amid_a_rollout_is_told(
    site: Site, boundary: str, stage: str, cause: Cause, says: str
) -> None:
    """H5: within bounds, and never as a success; the last good release serves."""
    old, spec = site.serving, site.world.spec("next", deadline=60, bake_millis=100)
    error, served = fail_on(site, spec, boundary)
    assert (error.stage, error.cause) == (stage, cause)
    assert says in str(error)
    assert served == ["200 base" if stage == "settle" else "200 next"]
    assert site.world.get() == "200 base"
    assert site.serving == old == site.world.platform.observe(site.world.target).serving
    verified = [r.body["candidate"] for r in site.records() if r.kind is Kind.VERIFIED]
    assert doomed.candidate(spec) not in verified
    assert site.is_settled
