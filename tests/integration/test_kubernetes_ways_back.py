"""Ways back on a real cluster: what is gone, what dies amid them, what outranks what."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks.platforms import kubernetes_names as names
from blocks.platforms import kubernetes_verify
from blocks.platforms.kubernetes import KubernetesPlatform
from blocks.platforms.kubernetes_images import in_registry
from slipway.errors import NoRollbackTarget, Superseded, VerificationFailed, WayBackMissing
from slipway.history import Outcome
from slipway.ledger import Kind
from slipway.platform import Stage
from slipway.release import ReleaseSpec
from tests.rig import doomed
from tests.rig.docker_rig import CREDENTIALS
from tests.rig.doomed import Boundaries, Site, deploying
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_world import PORT, KubernetesWorld
from tests.rig.traffic import Load, drive

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(300)]
LOGIN = (CREDENTIALS["username"], SecretStr(CREDENTIALS["password"]))


@dataclass
class Asking(KubernetesWorld):
    """A target whose releases ask the registry for each image, as an installation does."""

    @property
    def platform(self) -> KubernetesPlatform:
        return replace(super().platform, image=in_registry(lambda host: LOGIN))


@pytest.fixture
def world(cluster: Cluster, namespace: str) -> Iterator[Asking]:
    return Asking(cluster, namespace, cluster.push("one"))


@pytest.fixture
def site(world: Asking, tmp_path: Path) -> Site:
    """Release `base` serves and is verified."""
    made = Site(world, tmp_path)  # type: ignore[arg-type]
    made.deploy(world.spec("base", bake_millis=100))
    return made


def settled(site: Site, allowed: set[str], boundary: str) -> None:
    """A good release serves, nothing is held, and another recovery does nothing."""
    assert site.is_settled, boundary
    assert site.serving in allowed, boundary
    assert site.world.platform.observe(site.world.target).serving == site.serving, boundary
    assert site.world.get().startswith("200 "), boundary
    assert site.recover() is None


def roll_back(site: Site) -> Outcome:
    result = asyncio.run(site.engine().rollback("ops", "test"))
    return result.outcome


def until(is_so: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_way_back_whose_image_is_gone_is_told_before_anything_changes(
    site: Site, world: Asking
) -> None:
    """D1, S1-23: what serves could not be brought back; nothing is touched for the new release."""
    lost = world.spec("lost", image=world.cluster.push("lost"), bake_millis=100)
    site.deploy(lost)
    world.cluster.images.delete_from_registry(lost.services[0].image)
    before = world.cluster.get("deployment", "web", world.namespace)["spec"]
    with pytest.raises(WayBackMissing, match="could not be restored"):
        site.deploy(world.spec("next", bake_millis=100))
    after = world.cluster.get("deployment", "web", world.namespace)["spec"]
    assert (before, world.get()) == (after, "200 lost")
    steps = [r.body["step"] for r in site.records() if r.kind is Kind.OBSERVED]
    assert steps[-1] == "older holders fenced off"
    settled(site, {lost.id}, "refused")


def test_a_rollback_falls_to_the_release_before_one_that_is_gone(site: Site, world: Asking) -> None:
    """D3, D4: its image is nowhere any more; and what was left is never returned to."""
    base = str(site.serving)
    gone = world.spec("gone", image=world.cluster.push("gone"), bake_millis=100)
    site.deploy(gone)
    site.deploy(world.spec("bad", bake_millis=100))
    world.cluster.images.delete_from_registry(gone.services[0].image)
    with pytest.raises(doomed.SlipwayError):
        roll_back(site)
    settled(site, {base}, "fell back")
    assert world.get() == "200 base"
    with pytest.raises(NoRollbackTarget):
        roll_back(site)


def test_a_rollback_needs_no_registry(site: Site, world: Asking, own_cluster: Cluster) -> None:
    """D5, D4: neither asks the node for what it has; a second one has nowhere to go."""
    base = str(site.serving)
    site.deploy(world.spec("two", image=world.cluster.push("two"), bake_millis=100))
    with own_cluster.registry_lost():
        assert roll_back(site) is Outcome.ROLLED_BACK
        settled(site, {base}, "rolled back")
        with pytest.raises(NoRollbackTarget):
            roll_back(site)


async def test_a_drill_goes_back_and_forth_and_loses_no_request(site: Site, world: Asking) -> None:
    """D9: the original serves again, what it took is on record."""
    await asyncio.to_thread(site.deploy, world.spec("newer", bake_millis=100))
    original = str(site.serving)
    load = Load(PORT, 1, host=world.address, keep_alive=0, anew=4)
    drilling = asyncio.create_task(asyncio.to_thread(asyncio.run, doomed.drill(site.engine())))  # type: ignore[arg-type]
    tallies = []
    while not drilling.done():
        tallies.append(await drive(load))
    await drilling
    assert [failure for tally in tallies for failure in tally.failures] == []
    assert {body for tally in tallies for body in tally.bodies} == {"base", "newer"}
    await asyncio.to_thread(settled, site, {original}, "drilled")
    (drilled,) = [record for record in site.records() if record.kind is Kind.DRILL]
    assert drilled.body["within_budget"]


def test_a_drill_killed_halfway_ends_on_the_original(site: Site, world: Asking) -> None:
    """D9, A1: the way there was done, the way back was not."""
    site.deploy(world.spec("newer", bake_millis=100))
    original = str(site.serving)
    boundary = site.run_until(doomed.drill, "release verified: recorded")
    assert world.get() == "200 base"
    site.outlive_lease()
    site.recover()
    settled(site, {original}, boundary)


def test_a_restore_killed_where_it_acts_ends_on_the_last_good(site: Site, world: Asking) -> None:
    """A11: the way back of a failing deploy dies, too."""
    old = str(site.serving)
    counting = site.boundaries()
    site.start(deploying(world.spec("count", "crash")), counting).join(doomed.LONGEST_SECONDS)
    seen = counting.read()
    assert "quarantine: recorded" in seen
    at = len(seen) - 1 - seen[::-1].index("workloads applied: acted")
    assert at > seen.index("quarantine: recorded")
    boundary = site.run_until(deploying(world.spec("next", "crash")), at)
    site.outlive_lease()
    site.recover()
    settled(site, {old}, boundary)


def test_recovery_killed_again_and_again_converges(site: Site, world: Asking) -> None:
    """A12: each recovery dies a few boundaries later than the one before."""
    old = str(site.serving)
    site.run_until(deploying(world.spec("next", bake_millis=100)), "traffic switched: acted")
    for at in (0, 4, 9, 13):
        site.outlive_lease()
        site.run_until(doomed.recovery, at)
        assert world.get().startswith("200 ")
    site.outlive_lease()
    site.recover()
    settled(site, {old}, "fifth recovery")


def test_a_frozen_holder_that_wakes_is_refused(site: Site, world: Asking) -> None:
    """B2, B3: SIGSTOP before it applies, take-over, SIGCONT."""
    old = str(site.serving)
    frozen = site.boundaries("workloads applied: intended", signal=signal.SIGSTOP)
    process = site.start(deploying(world.spec("next")), frozen)
    try:
        until(lambda: "workloads applied: intended" in frozen.read())
        site.outlive_lease()
        site.recover()
        settled(site, {old}, "taken over")
    finally:
        os.kill(process.pid or 0, signal.SIGCONT)
        process.join(doomed.LONGEST_SECONDS)
    assert process.exitcode == Superseded.exit_code
    assert "Superseded" in frozen.seen.with_suffix(".error").read_text()
    assert world.get() == "200 base"
    settled(site, {old}, "woken")


def test_a_rollback_preempts_a_deploy_that_never_gets_healthy(site: Site, world: Asking) -> None:
    """B5, N10: no health timeout is waited for; the deploy ends superseded."""
    old = str(site.serving)
    boundaries = Boundaries(site.folder / "stuck")
    process = site.start(deploying(world.spec("stuck", "never-ready", deadline=80)), boundaries)
    try:
        until(lambda: "rollout complete: intended" in boundaries.read())
        assert roll_back(site) is Outcome.ROLLED_BACK
        process.join(30)
        assert process.exitcode == Superseded.exit_code
    finally:
        process.kill()
        process.join()
    settled(site, {old}, "preempted")


def test_verification_asks_which_release_answers(
    world: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C10: a pod that answers 200 behind the same Service, and is not of the release."""
    monkeypatch.setattr(kubernetes_verify, "ROUTE_SECONDS", 2)
    spec = world.spec("one", bake_millis=100)
    world.deploy(spec)
    world.cluster.apply(intruder(spec), namespace=world.namespace)
    world.kubectl("wait", "--for=condition=Ready", "pod/intruder", "--timeout=60s")
    verify = [s for s in world.platform.forward(spec, None) if s.stage is Stage.VERIFY]
    with pytest.raises(VerificationFailed, match="does not go to release") as caught:
        world.take(verify)
    assert "intruder" in str(caught.value.found)
    assert "intruder" not in str(caught.value.allowed)


def intruder(spec: ReleaseSpec) -> dict[str, object]:
    """A pod that the front Service selects."""
    labels = names.pod_selector(spec.target, spec.front)
    container = {
        "name": "web",
        "image": spec.services[0].image,
        "ports": [{"name": "http", "containerPort": 8000}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "intruder", "labels": labels},
        "spec": {"containers": [container]},
    }
