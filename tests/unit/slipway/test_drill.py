"""When a drill skips itself, and when it fails for being slow (D9)."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.drill import refuse_slow, skip_reason
from slipway.errors import DeadlineExceeded
from slipway.ledger import Kind, utc_now
from tests.fakes.world import TARGET, World, order


@pytest.fixture
def world(tmp_path: Path) -> World:
    """b serves, a was verified before it."""
    world = World(tmp_path)
    for version in "ab":
        asyncio.run(world.engine().deploy(order(version)))
    return world


@pytest.mark.parametrize(("minutes", "skips"), [(None, False), (29, False), (31, True)])
def test_old_slot_is_not_made_up_for(world: World, minutes: int | None, skips: bool) -> None:
    now = utc_now()
    slot = now - timedelta(minutes=minutes) if minutes else None
    assert bool(skip_reason(world.records(), slot, now)) is skips


def test_held_environment_is_left_alone(world: World) -> None:
    claim = next(record for record in world.records() if record.kind is Kind.CLAIM)
    world.ledger().append(Kind.CLAIM, claim.body)
    assert "holds the environment" in (skip_reason(world.records(), None, utc_now()) or "")


def test_one_release_is_not_enough(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert skip_reason(world.records(), None, utc_now())
    asyncio.run(world.engine().deploy(order("a")))
    assert skip_reason(world.records(), None, utc_now())


@pytest.mark.parametrize(("budget", "slow"), [(60_000, False), (-1, True)])
def test_drill_over_its_budget_fails(world: World, budget: int, slow: bool) -> None:
    asyncio.run(world.engine().drill("ci", budget))
    if slow:
        with pytest.raises(DeadlineExceeded, match="budget"):
            refuse_slow(world.records(), TARGET)
    else:
        refuse_slow(world.records(), TARGET)
