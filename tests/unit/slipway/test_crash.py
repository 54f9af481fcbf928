"""Death at every boundary of every goal, on the memory platform (A1, A2, A11, A12)."""

import asyncio
from pathlib import Path

import pytest

from slipway.engine import Engine
from slipway.errors import CrashLoop
from slipway.history import serving_release
from slipway.ledger import Kind
from slipway.platform import StepContext
from tests.fakes.world import World, order, spec


class Killed(BaseException):
    """As sudden as SIGKILL: nothing of ours catches it."""


class Killer:
    """Sees boundaries; dies at the chosen one."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.seen: list[str] = []

    def __call__(self, name: str, point: str) -> None:
        self.seen.append(f"{name}: {point}")
        if len(self.seen) - 1 == self.at:
            raise Killed(self.seen[-1])


def broken(context: StepContext) -> None:
    raise CrashLoop("exit 1")


async def deploy_good(engine: Engine) -> None:
    await engine.deploy(order("c"))


async def deploy_bad(engine: Engine) -> None:
    await engine.deploy(order("d"))


async def roll_back(engine: Engine) -> None:
    await engine.rollback("ops", "errors")


async def drill(engine: Engine) -> None:
    await engine.drill("keeper", 1000)


GOALS = {"deploy": deploy_good, "failing": deploy_bad, "rollback": roll_back, "drill": drill}
MAY_SERVE = {"deploy": "bc", "failing": "b", "rollback": "ab", "drill": "b"}


def prepared(folder: Path) -> World:
    """Releases a and b are good, b serves; d never gets healthy."""
    world = World(folder, lease_seconds=0.02)
    asyncio.run(world.engine().deploy(order("a")))
    asyncio.run(world.engine().deploy(order("b")))
    world.platform.faults["containers healthy", spec("d").id] = broken
    return world


def run(world: World, goal: str, killer: Killer) -> None:
    try:
        asyncio.run(GOALS[goal](world.engine(observer=killer)))
    except (Killed, Exception):  # noqa: BLE001 - the failure is the point
        return


def boundaries(goal: str, folder: Path) -> int:
    killer = Killer()
    run(prepared(folder), goal, killer)
    return len(killer.seen)


@pytest.mark.parametrize("goal", GOALS)
def test_killed_at_any_boundary_recovery_settles_on_a_good_release(
    goal: str, tmp_path: Path
) -> None:
    """A1, A11: serving is old or new good, nothing is held, a second recovery does nothing."""
    total = boundaries(goal, tmp_path / "count")
    assert total > 10
    for at in range(total):
        world = prepared(tmp_path / str(at))
        killer = Killer(at)
        run(world, goal, killer)
        world.outlive_lease()
        asyncio.run(world.engine().recover())
        good = {spec(version).id for version in MAY_SERVE[goal]}
        assert world.platform.serving in good, killer.seen[-1]
        assert world.is_settled(), killer.seen[-1]
        assert serving_release(world.records()).spec.id == world.platform.serving
        actions = list(world.platform.actions)
        assert asyncio.run(world.engine().recover()) is None
        assert world.platform.actions == actions


@pytest.mark.parametrize("goal", GOALS)
def test_recovery_killed_again_and_again_still_settles(goal: str, tmp_path: Path) -> None:
    """A12: five recoveries die one boundary later each; the sixth converges."""
    world = prepared(tmp_path)
    run(world, goal, Killer(14))
    for at in range(5):
        world.outlive_lease()
        try:
            asyncio.run(world.engine(observer=Killer(at)).recover())
        except Killed:
            continue
    world.outlive_lease()
    asyncio.run(world.engine().recover())
    assert world.platform.serving in {spec(version).id for version in MAY_SERVE[goal]}
    assert serving_release(world.records()).spec.id == world.platform.serving
    assert world.kinds().count(Kind.CLOSED) == world.kinds().count(Kind.CLAIM)


def test_a_step_that_acted_before_its_death_acts_once(tmp_path: Path) -> None:
    """A2: the effect is found by content; there is no second start."""
    world = prepared(tmp_path)
    seen = Killer()
    run(prepared(tmp_path / "count"), "deploy", seen)
    run(world, "deploy", Killer(seen.seen.index("containers running: acted")))
    world.outlive_lease()
    asyncio.run(world.engine().deploy(order("c")))
    assert world.platform.serving == spec("c").id
    starts = [action for action in world.platform.actions if action == f"start {spec('c').id}"]
    removals = [action for action in world.platform.actions if action == f"remove {spec('c').id}"]
    assert len(starts) == 1 + len(removals)
