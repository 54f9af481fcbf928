"""Ways back that are refused: what was not changed is not left for recovery."""

from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.errors import Cause, Refused, ReleaseFailed, WayBackMissing
from slipway.history import Outcome
from slipway.ledger import Kind
from slipway.platform import StepContext
from tests.fakes.world import World, order, spec

LACKING = Refused("the deployer's account lacks permissions", cause=Cause.PERMISSION)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def failing(error: Exception) -> Callable[[StepContext], None]:
    def fault(context: StepContext) -> None:
        raise error

    return fault


async def release(world: World, *versions: str) -> None:
    for version in versions:
        await world.engine().deploy(order(version))


@pytest.mark.parametrize("act", ["rollback", "drill"])
async def test_a_way_back_that_is_refused_its_first_act_leaves_no_claim(
    world: World, act: str
) -> None:
    """H6: nothing was changed, so there is nothing to recover, and the next command is free."""
    await release(world, "a", "b")
    actions = list(world.platform.actions)
    world.platform.faults["images present", spec("a").id] = failing(LACKING)
    engine = world.engine()
    with pytest.raises(Refused, match="lacks permissions"):
        await (engine.rollback("bob", "slow") if act == "rollback" else engine.drill("bob", 1000))
    closed = world.records()[-1].body
    assert (closed["outcome"], closed["serving"]) == (Outcome.REFUSED, spec("b").id)
    assert closed["explanation"]["cause"] == Cause.PERMISSION
    assert world.platform.actions == actions
    world.platform.faults.clear()
    await world.engine().rollback("bob", "slow")
    assert world.platform.serving == spec("a").id


async def test_a_rollback_whose_target_is_lost_falls_to_the_one_before(world: World) -> None:
    """D3: that is no refusal of every way back."""
    await release(world, "a", "b", "c")
    world.platform.faults["images present", spec("b").id] = failing(WayBackMissing("gone"))
    with pytest.raises(ReleaseFailed, match="serves again"):
        await world.engine().rollback("bob", "slow")
    assert (world.platform.serving, world.is_settled()) == (spec("a").id, True)


async def test_a_way_back_that_was_refused_after_it_acted_stays_for_recovery(
    world: World,
) -> None:
    """H6: what is half changed is nobody's to call refused."""
    await release(world, "a", "b", "c")

    def fault(context: StepContext) -> None:
        world.platform.running.pop(spec("c").id, None)
        raise LACKING

    world.platform.faults["containers running", spec("b").id] = fault
    world.platform.faults["images present", spec("a").id] = failing(LACKING)
    with pytest.raises(Refused):
        await world.engine().rollback("bob", "slow")
    assert not world.is_settled()


async def test_a_rollback_that_outranked_a_deploy_and_was_refused_stays_for_recovery(
    world: World,
) -> None:
    """H6: the deploy may have changed the target, so somebody has to bring it back."""
    await release(world, "a", "b")
    wanted = {"spec": spec("c").model_dump(mode="json"), "key": None}
    world.ledger().append(Kind.CLAIM, {**world.records()[0].body, **wanted})
    for version in ("a", "b"):
        world.platform.faults["images present", spec(version).id] = failing(LACKING)
    world.outlive_lease()
    with pytest.raises(Refused):
        await world.engine().rollback("bob", "slow")
    assert not world.is_settled()
