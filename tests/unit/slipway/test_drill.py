"""When a drill skips itself, and when it fails for being slow (D9)."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from slipway.drill import SlotTaken, drill_of, refuse_slow, skip_reason
from slipway.errors import Busy, DeadlineExceeded
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


async def drilled(world: World, slot: datetime) -> bool:
    """Whether this run of the schedule was the one that drilled."""
    try:
        await world.engine().drill("schedule", 60_000, slot)
    except (SlotTaken, Busy):
        return False
    return True


async def test_runs_of_one_slot_are_one_drill(world: World) -> None:
    """E6: fired three times at once and once more later; the next slot is drilled again."""
    slot = utc_now().replace(microsecond=0)
    assert sorted(await asyncio.gather(*[drilled(world, slot) for _ in range(3)])) == [0, 0, 1]
    assert not await drilled(world, slot)
    assert "was drilled by claim" in (skip_reason(world.records(), slot, slot) or "")
    assert await drilled(world, slot + timedelta(days=7))


async def test_a_slot_is_an_instant_whatever_zone_it_is_told_in(world: World) -> None:
    """E6: neither a change of the zone's offset nor another notation makes a second drill."""
    assert await drilled(world, datetime.fromisoformat("2026-10-25T03:00:00+02:00"))
    for told in ("2026-10-25T01:00:00Z", "2026-10-25T02:00:00+01:00"):
        assert not await drilled(world, datetime.fromisoformat(told))
    assert drill_of(world.records(), datetime.fromisoformat("2026-10-25T02:00:00Z")) is None


async def test_a_person_may_drill_at_any_time(world: World) -> None:
    for _ in range(2):
        await world.engine().drill("olga", 60_000)
    assert [r.kind for r in world.records()].count(Kind.DRILL) == 2
