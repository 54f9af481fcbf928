"""Killed and frozen holders on the real engine: a good release serves, nothing stays held."""

import asyncio
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from slipway.errors import Busy, ReleaseFailed, Superseded
from slipway.history import Outcome
from slipway.ledger import Kind
from tests.rig import doomed
from tests.rig.docker_world import World
from tests.rig.doomed import Site, deploying
from tests.rig.traffic import Load, drive

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]
# Every boundary takes seconds: two tests take turns, so that two workers can share them.
in_turns = pytest.mark.parametrize("first", [0, 1], ids=["even", "odd"])


@pytest.fixture
def site(world: World, tmp_path: Path) -> Site:
    """Release `base` serves and is verified."""
    made = Site(world, tmp_path)
    made.deploy(world.spec("base", bake_millis=100))
    return made


def boundaries_of(site: Site, act: doomed.Act) -> list[str]:
    """Every boundary that the engine has for this act, by its own telling."""
    boundaries = site.boundaries()
    process = site.start(act, boundaries)
    process.join(doomed.LONGEST_SECONDS)
    return boundaries.read()


def assert_settled(site: Site, allowed: set[str], boundary: str) -> None:
    """A good release serves, nothing is held, and another recovery does nothing."""
    assert site.is_settled, boundary
    assert site.serving in allowed, boundary
    assert site.world.platform.observe(site.world.target).serving == site.serving, boundary
    assert site.world.get().startswith("200 "), boundary
    before = len(site.records())
    assert site.recover() is None
    assert len(site.records()) == before


@in_turns
def test_a_deploy_killed_at_any_boundary_leaves_old_or_new_serving(site: Site, first: int) -> None:
    """A1, A2: each boundary that the engine has, by SIGKILL, then one recovery."""
    world = site.world
    names = boundaries_of(site, deploying(world.spec("count", bake_millis=100)))
    assert len(names) > 25
    for at in range(first, len(names), 2):
        spec, old = world.spec(f"v{at}", bake_millis=100), site.serving
        boundary = site.run_until(deploying(spec), at)
        assert world.get().startswith("200 "), boundary
        site.outlive_lease()
        site.recover()
        assert_settled(site, {str(old), spec.id}, boundary)


@in_turns
def test_a_rollback_killed_at_any_boundary_goes_on_to_its_target(site: Site, first: int) -> None:
    """A11: recovery resumes the rollback; the bad release never serves again."""
    world = site.world
    site.deploy(world.spec("bad", bake_millis=100))
    names = boundaries_of(site, doomed.roll_back)
    for at in range(first, len(names), 2):
        good = str(site.serving)
        bad = world.spec(f"bad{at}", bake_millis=100)
        site.deploy(bad)
        boundary = site.run_until(doomed.roll_back, at)
        assert world.get().startswith("200 "), boundary
        site.outlive_lease()
        site.recover()
        allowed = {good} if at else {good, bad.id}  # killed before the claim: nothing was asked
        assert_settled(site, allowed, boundary)


@in_turns
def test_a_restore_killed_at_any_boundary_ends_on_the_last_good(site: Site, first: int) -> None:
    """A11, D9: the way back of a failing deploy dies, too."""
    world, old = site.world, str(site.serving)
    names = boundaries_of(site, deploying(world.spec("count", "crash", deadline=10)))
    begun = names.index("quarantine: intended")
    for at in range(begun + first, len(names), 2):
        spec = world.spec(f"v{at}", "crash", deadline=10, bake_millis=100)
        boundary = site.run_until(deploying(spec), at)
        site.outlive_lease()
        site.recover()
        assert_settled(site, {old}, boundary)


def test_a_drill_killed_halfway_ends_on_the_original(site: Site) -> None:
    """D9: N to N-1 was done, the way forth was not."""
    site.deploy(site.world.spec("newer", bake_millis=100))
    original = str(site.serving)
    boundary = site.run_until(doomed.drill, "traffic switched: recorded")
    assert site.world.get() == "200 base"
    site.outlive_lease()
    site.recover()
    assert_settled(site, {original}, boundary)


def test_recovery_killed_five_times_converges_on_the_sixth(site: Site) -> None:
    """A12: each recovery dies a few boundaries later than the one before."""
    old = str(site.serving)
    site.run_until(deploying(site.world.spec("next")), "traffic switched: acted")
    for at in (0, 2, 5, 9, 14):
        site.outlive_lease()
        site.run_until(doomed.recovery, at)
        assert site.world.get().startswith("200 ")
    site.outlive_lease()
    site.recover()
    assert_settled(site, {old}, "sixth recovery")


def test_a_step_that_acted_before_its_death_acts_once(site: Site) -> None:
    """A2: the answer was lost, the effect is found by content; one container, not two."""
    spec = site.world.spec("next", bake_millis=100)
    site.run_until(deploying(spec), "containers started: acted")
    site.outlive_lease()
    site.deploy(spec)
    containers = site.world.rig.engine.containers.list(
        all=True, filters={"label": f"slipway.release={spec.id}"}
    )
    assert len(containers) == 1
    assert site.serving == spec.id


def test_a_dead_holder_is_replaced_after_its_lease_and_never_before(site: Site) -> None:
    """B2: recovery is refused while the lease runs."""
    site.lease_seconds = 4.0
    site.run_until(deploying(site.world.spec("next")), "containers started: recorded")
    died = time.monotonic()
    while True:
        try:
            site.recover()
            break
        except Busy:
            time.sleep(0.2)
    assert time.monotonic() - died > site.lease_seconds * 0.7
    assert_settled(site, {str(site.serving)}, "after the lease")


def test_a_frozen_holder_that_wakes_is_refused_and_moves_no_traffic(site: Site) -> None:
    """B3, N11: SIGSTOP before the switch, take-over, SIGCONT."""
    old = str(site.serving)
    boundaries = site.boundaries("traffic switched: intended", signal=signal.SIGSTOP)
    process = site.start(deploying(site.world.spec("next")), boundaries)
    wait_for(lambda: "traffic switched: intended" in boundaries.read())
    site.outlive_lease()
    site.recover()
    assert_settled(site, {old}, "taken over")
    os.kill(process.pid, signal.SIGCONT)
    process.join(doomed.LONGEST_SECONDS)
    assert process.exitcode == Superseded.exit_code
    assert "Superseded" in boundaries.seen.with_suffix(".error").read_text()
    assert site.world.get() == "200 base"
    assert_settled(site, {old}, "woken")


def test_a_rollback_preempts_a_deploy_that_never_gets_healthy(site: Site) -> None:
    """B5, N10: no health timeout is waited for; the deploy ends superseded."""
    old = str(site.serving)
    boundaries = site.boundaries()
    stuck = site.world.spec("stuck", "never-ready", deadline=80)
    process = site.start(deploying(stuck), boundaries)
    wait_for(lambda: "release healthy: intended" in boundaries.read())
    result = asyncio.run(site.engine().rollback("ops", "stuck"))
    assert result.outcome is Outcome.ROLLED_BACK
    process.join(10)
    assert process.exitcode == Superseded.exit_code
    assert_settled(site, {old}, "preempted")


def test_users_see_no_failure_while_releases_fail_and_return(site: Site) -> None:
    """C3, C4, D6: a release that never gets ready, one that dies while baking, a good one, back."""
    world = site.world

    def releases() -> None:
        for version, mode in (("slow", "never-ready"), ("flap", "flap:3")):
            with pytest.raises(ReleaseFailed):
                site.deploy(world.spec(version, mode, deadline=8, bake_millis=8000))
        site.deploy(world.spec("good", bake_millis=200))
        asyncio.run(site.engine().rollback("ops", "test"))

    tally = traffic_during(world.port, releases)
    assert tally.failures == []
    assert tally.sent > 200
    assert world.get() == "200 base"


def traffic_during(port: int, act):
    """What clients saw while the act ran; they stop with it, after 60 s at the latest."""
    failures: list[BaseException] = []

    def acting() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    thread = threading.Thread(target=acting)
    thread.start()
    tally = None
    until = time.monotonic() + 60
    while thread.is_alive() and time.monotonic() < until:
        part = asyncio.run(drive(Load(port, seconds=1, methods=("GET",))))
        if tally is None:
            tally = part
        else:
            tally.sent += part.sent
            tally.failures += part.failures
    thread.join(60)
    assert not thread.is_alive()
    if failures:
        raise failures[0]
    return tally


def wait_for(happened, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def test_records_of_a_failure_keep_stage_cause_and_evidence(site: Site) -> None:
    """N24, C1: the explanation outlives the containers."""
    with pytest.raises(ReleaseFailed) as caught:
        site.deploy(site.world.spec("boom", "crash", deadline=20))
    failed = next(record for record in site.records() if record.kind is Kind.FAILED)
    explanation = failed.body["explanation"]
    assert explanation["stage"] == "settle"
    assert explanation["cause"] == "crash loop"
    assert explanation["evidence"]
    assert caught.value.next_step
    assert failed.body["evidence"]
