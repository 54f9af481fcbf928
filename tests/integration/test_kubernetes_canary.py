"""Releases that stand beside what serves, on a real cluster: a canary, and a colour's preview."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from blocks.platforms import kubernetes_names as names
from slipway.errors import ReleaseFailed, Superseded
from slipway.platform import Stage
from slipway.release import ReleaseSpec, Weight
from tests.rig import analyses, doomed
from tests.rig.doomed import Site, deploying
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_world import PORT, KubernetesWorld, service
from tests.rig.traffic import Load, Tally, drive_during

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(600)]
HALF = (Weight(weight=50, hold_millis=200),)


@pytest.fixture
def world(cluster: Cluster, namespace: str) -> Iterator[KubernetesWorld]:
    return KubernetesWorld(cluster, namespace, cluster.push("one"))


@pytest.fixture
def site(world: KubernetesWorld, tmp_path: Path) -> Site:
    """Release `base` serves and is verified."""
    made = Site(world, tmp_path)  # type: ignore[arg-type]
    made.deploy(canary(world, "base"))
    return made


def canary(
    world: KubernetesWorld, version: str, weights: tuple[Weight, ...] = HALF, **given: Any
) -> ReleaseSpec:
    return world.spec(version, strategy="canary", canary=weights, bake_millis=100, **given)


async def under_traffic(world: KubernetesWorld, act: Callable[[], object]) -> Tally:
    """What clients saw meanwhile; they ask where the mode `faulty` answers well."""
    load = Load(PORT, 1, host=world.address, path="/slow/0", keep_alive=0, anew=6)
    return await drive_during(load, act)


def deployments(world: KubernetesWorld) -> list[str]:
    return sorted(made["metadata"]["name"] for made in world.objects("deployments"))


def stable_set(world: KubernetesWorld) -> dict[str, str]:
    """Each pod beside the canary, and its release."""
    pods = [pod["metadata"] for pod in world.objects("pods")]
    own = [pod for pod in pods if names.TRACK not in pod["labels"]]
    return {pod["name"]: pod["labels"][names.RELEASE] for pod in own}


def through_preview(world: KubernetesWorld) -> str:
    address = world.cluster.service_address(world.namespace, "web-preview")
    return httpx.get(f"http://{address}:{PORT}/version", timeout=10).text


async def test_a_canary_takes_its_share_then_all_and_no_request_is_lost(
    world: KubernetesWorld,
) -> None:
    """S1-57, S1-32, N17: the stable set waits untouched; afterwards nothing stands beside it."""
    weights = (Weight(weight=33, hold_millis=200), Weight(weight=50, hold_millis=1000))
    one = world.spec("one", replicas=2)
    two = canary(world, "two", weights, replicas=2)
    await asyncio.to_thread(world.deploy, one)
    before = stable_set(world)
    steps = world.platform.forward(two, one)
    seen: dict[str, Any] = {}

    def weighed() -> None:
        seen.update(world.take(steps, until="workloads applied"))

    tally = await under_traffic(world, weighed)
    assert [seen[f"canary at {w} %"]["canary"] for w in (33, 50)] == [{"web": 1}, {"web": 2}]
    assert [seen[f"canary at {w} %"]["share"] for w in (33, 50)] == [33, 50]
    assert stable_set(world) == before
    assert through_preview(world) == "two"
    amid = world.platform.observe(world.target)
    assert (amid.serving, amid.fields["web.canary"]) == (one.id, f"release {two.id}")
    rest = await under_traffic(world, lambda: seen.update(world.take(steps[5:])))
    assert tally.failures + rest.failures == []
    assert tally.bodies["one"] > 0 < tally.bodies["two"]
    assert seen["canary removed"] == {"removed": ["Deployment/web-canary"]}
    assert world.get() == f"200 {through_preview(world)}" == "200 two"
    assert dict(world.platform.observe(world.target).fields) == world.platform.render(two)
    assert "Service/web-preview" not in world.retire(two)["old releases removed"]["removed"]
    world.retire()
    assert world.objects("deployments,services") == []


async def test_a_canary_that_answers_badly_goes_and_users_notice_nothing(site: Site) -> None:
    """S1-57, S1-33, C4: what is asked of the canary alone finds it; the stable set is untouched."""
    world: Any = site.world
    before = stable_set(world)
    weight = (Weight(weight=50, hold_millis=3000),)
    bad = canary(world, "bad", weight, mode="faulty:2", path="/version")

    def release() -> None:
        with pytest.raises(ReleaseFailed, match="does not answer well") as caught:
            site.deploy(bad)
        assert caught.value.stage == Stage.SWITCH

    tally = await under_traffic(world, release)
    assert tally.failures == []
    assert tally.bodies["base"] > 0 < tally.bodies["bad"]
    assert stable_set(world) == before
    assert deployments(world) == ["web"]
    assert through_preview(world) == "base"
    assert dict(world.platform.observe(world.target).fields) == world.platform.render(
        canary(world, "base")
    )


ALIVE = analyses.analysis(analyses.http().model_copy(update={"path": "/alive"}))


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
async def test_a_release_that_is_measured_badly_never_gets_all_of_the_traffic(
    world: KubernetesWorld, tmp_path: Path, strategy: str
) -> None:
    """S1-57, N19: its own pods alone are measured, before the stable set is touched."""
    site: Any = Site(world, tmp_path)  # type: ignore[arg-type]
    weights = HALF if strategy == "canary" else ()
    made = {"strategy": strategy, "canary": weights, "bake_millis": 100}
    good, bad = (
        world.spec(version, mode, **made).model_copy(update={"analysis": ALIVE})
        for version, mode in (("good", "ok"), ("bad", "sick"))
    )
    await asyncio.to_thread(site.deploy, good)
    before = stable_set(world)

    def release() -> None:
        with pytest.raises(ReleaseFailed, match=r"analysis answers \(http\): fail") as caught:
            site.deploy(bad)
        assert caught.value.stage == Stage.ANALYSE

    tally = await under_traffic(world, release)
    assert tally.failures == []
    assert strategy == "canary" or set(tally.bodies) == {"good"}
    assert before.items() <= stable_set(world).items()
    assert (world.get(), through_preview(world)) == ("200 good", "good")
    assert [name for name in deployments(world) if name.endswith("canary")] == []


BOUNDARIES = (
    "canary at 50 %: intended",
    "canary at 50 %: acted",
    "workloads applied: acted",
    "canary removed: acted",
    "verified: recorded",
)


def test_a_canary_killed_at_any_boundary_leaves_old_or_new_serving(site: Site) -> None:
    """A1, A2, A12: by SIGKILL; recovery, once itself killed, leaves nothing of the canary."""
    world: Any = site.world
    for number, boundary in enumerate(BOUNDARIES):
        version = f"v{number}"
        site.run_until(deploying(canary(world, version)), boundary)
        assert world.get() in ("200 base", f"200 {version}"), boundary
        site.outlive_lease()
        if boundary == "canary at 50 %: acted":
            site.run_until(doomed.recovery, "canary withdrawn: acted")
            site.outlive_lease()
        site.recover()
        expected = version if boundary == BOUNDARIES[-1] else "base"
        assert site.is_settled, boundary
        assert world.platform.observe(world.target).serving == site.serving, boundary
        assert (world.get(), deployments(world)) == (f"200 {expected}", ["web"]), boundary
        assert through_preview(world) == expected, boundary


def test_a_replaced_holder_moves_no_canary(world: KubernetesWorld) -> None:
    """B3, S3-25: its objects are fenced like all others; a service that is new comes whole."""
    one = world.spec(services=[service("web", world.image, "one")])
    pair = [service("web", world.image, "two", "relay", BACKEND="back:8000")]
    two = canary(world, "two", services=[*pair, service("back", world.image, "behind")])
    world.deploy(one)
    steps = world.platform.forward(two, one)
    world.take(steps, until="workloads applied")
    assert deployments(world) == ["back", "web", "web-canary"]
    assert through_preview(world) == "two+behind"
    touched = world.platform.fence(world.target, world.token + 1)["touched"]
    assert {"Deployment/web-canary", "Service/web-preview"} <= set(touched)
    moves = [s for s in steps if s.stage is Stage.SWITCH or s.name == "workloads applied"]
    assert [s.name for s in moves[::2]] == ["canary at 50 %", "canary removed"]
    for move in moves:
        with pytest.raises(Superseded):
            move.run(world.context)
    back = world.holder(world.token + 1).deploy(one)
    assert back["traffic switched"]["replaced"] == ["Deployment/web-canary"]
    assert world.get() == "200 one"


def test_a_colour_is_seen_through_its_preview_before_it_serves(world: KubernetesWorld) -> None:
    """S1-57: tried out there alone; afterwards the preview leads to what serves."""
    one, two = (world.spec(version, strategy="blue-green") for version in ("one", "two"))
    world.deploy(one)
    seen = world.take(world.platform.forward(two, one), until="traffic switched")
    assert seen["preview verified"]["hits"] >= two.health.hits
    assert (world.get(), through_preview(world)) == ("200 one", "two")
    assert world.platform.observe(world.target).fields["preview"] == f"release {two.id}"
    world.deploy(two, one)
    world.retire(two, one)
    assert (world.get(), through_preview(world)) == ("200 two", "two")
    back = world.deploy(one)
    assert "preview verified" not in back
    assert (world.get(), through_preview(world)) == ("200 one", "one")
