"""Who waits while another release acts, who gives way to whom, and what the ledger says of it."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.cli.overview import releases_of
from slipway.engine import Engine
from slipway.errors import CrashLoop, Superseded
from slipway.history import Outcome
from slipway.ledger import Kind, Record, genesis
from slipway.opening import Admitted, Order
from slipway.plan import Plan
from slipway.platform import StepContext
from slipway.queueing import overtaken_by
from tests.fakes.world import TARGET, World, candidate, order, spec

WAIT = 60.0
CASES = yaml.safe_load((Path(__file__).parents[2] / "cases/queueing.yaml").read_text())


def record(number: int, act: str) -> Record:
    body: dict[str, Any] = {"goal": "deploy"}
    match act.split():
        case ["claim" | "queue" as kind, name, second]:
            body |= {"candidate": name.rstrip("!"), "contents": name.rstrip("!")}
            body |= {"allow_downgrade": name.endswith("!")}
            body |= {"built": None if second == "null" else f"2026-01-01T00:00:{second:0>2}Z"}
        case ["closed"]:
            kind = "closed"
        case [goal]:
            kind, body = "claim", {"goal": goal, "candidate": "z"}
    return Record(
        number=number,
        previous=genesis(TARGET),
        time="2026-01-01T00:00:00.000Z",
        actor="t",
        kind=Kind(kind.replace("queue", "queued")),
        body=body,
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_who_goes_before_whom(case: dict[str, Any]) -> None:
    """B6: the newest trigger, unless it is for an older build; a rollback always."""
    records = [record(number, act) for number, act in enumerate(case["done"], start=1)]
    for number, expected in case["goes_before"].items():
        by = overtaken_by(number, records)
        assert (by.number if by else None) == expected


class Held:
    """Release b acts until it is let go; admission knows when each candidate was built."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.acting, self.free = threading.Event(), threading.Event()
        world.platform.faults["containers healthy", spec("b").id] = self._hang

    def _hang(self, context: StepContext) -> None:
        self.acting.set()
        while not self.free.wait(0.02):
            context.check()

    def engine(self) -> Engine:
        def admit(wanted: Order, plan: Plan) -> Admitted:
            second = int(wanted.candidate[-1], 16)
            return Admitted(built=f"2026-01-01T00:00:{second:02d}Z")

        return replace(self.world.engine(), admit=admit)

    async def trigger(self, version: str, *, queued: bool = True, **how: Any) -> asyncio.Task[Any]:
        """A deploy that waits by now; where it does not, it has ended."""
        before = self.world.kinds().count(Kind.QUEUED)
        task = asyncio.create_task(self.engine().deploy(order(version, **how), WAIT))
        await until(lambda: task.done() or self.world.kinds().count(Kind.QUEUED) > before)
        assert task.done() is not queued
        return task


async def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - a ledger signals nothing
            await asyncio.sleep(0.01)


@pytest.fixture
async def held(tmp_path: Path) -> Held:
    """a serves, b is under way."""
    world = World(tmp_path, lease_seconds=5)
    await world.engine().deploy(order("a"))
    return Held(world)


async def begin(held: Held) -> asyncio.Task[Any]:
    task = asyncio.create_task(held.engine().deploy(order("b")))
    await asyncio.to_thread(held.acting.wait, 20)
    return task


async def test_the_newest_trigger_wins_and_the_skipped_ones_are_on_record(held: Held) -> None:
    """B6: b acts to its end, f comes next, c to e never start; the ledger says who gave way."""
    first = await begin(held)
    waiting = [await held.trigger(version) for version in "cdef"]
    held.free.set()

    results = await asyncio.gather(first, *waiting, return_exceptions=True)

    assert results[0].outcome is results[-1].outcome is Outcome.RELEASED
    assert all(isinstance(result, Superseded) for result in results[1:-1])
    assert held.world.platform.serving == spec("f").id
    started = [act for act in held.world.platform.actions if act.startswith("start")]
    assert started == [f"start {spec(version).id}" for version in "abf"]
    gave_way = {
        record.body["candidate"]: record.body["by_candidate"]
        for record in held.world.records()
        if record.kind is Kind.SUPERSEDED
    }
    assert gave_way == {candidate(one): candidate(other) for one, other in ("cd", "de", "ef")}


async def test_history_tells_the_skipped_ones(held: Held) -> None:
    """B6: as rows of their own, beside the release that they waited for."""
    first = await begin(held)
    waiting = [await held.trigger(version) for version in "cd"]
    held.free.set()
    await asyncio.gather(first, *waiting, return_exceptions=True)

    rows = {row.candidate: row for row in releases_of(held.world.records())}

    assert rows[candidate("c")].outcome == "superseded"
    assert "gave way" in (rows[candidate("c")].why or "")
    assert rows[candidate("b")].outcome == rows[candidate("d")].outcome == "released"


async def test_who_waits_goes_on_where_the_first_one_fails(held: Held) -> None:
    """B6: what acted goes back, then the one that waited comes in."""
    first = await begin(held)
    second = await held.trigger("c")
    failure = CrashLoop("exited with 1")
    held.world.platform.faults["traffic switched", spec("b").id] = failing(failure)
    held.free.set()

    results = await asyncio.gather(first, second, return_exceptions=True)

    assert "exited with 1" in str(results[0])
    assert results[1].outcome is Outcome.RELEASED
    assert held.world.platform.serving == spec("c").id


def failing(error: Exception) -> Callable[[StepContext], None]:
    def fault(context: StepContext) -> None:
        raise error

    return fault


async def test_an_older_build_that_comes_late_displaces_none_that_waits(held: Held) -> None:
    """B6, E3: it gives way at once, on record."""
    first = await begin(held)
    newest = await held.trigger("e")
    late = await held.trigger("c", queued=False)
    held.free.set()
    await asyncio.gather(first, newest)

    assert isinstance(late.exception(), Superseded)
    assert held.world.platform.serving == spec("e").id


async def test_triggers_of_one_release_wait_in_one_place(held: Held) -> None:
    """B6, E1: one `queued` record, one claim, for both."""
    first = await begin(held)
    one = await held.trigger("c")
    other = asyncio.create_task(held.engine().deploy(order("c"), WAIT))
    await asyncio.sleep(0.3)
    held.free.set()
    results = await asyncio.gather(first, one, other)

    assert {result.outcome for result in results} <= {Outcome.RELEASED, Outcome.UNCHANGED}
    assert held.world.kinds().count(Kind.QUEUED) == 1
    assert held.world.kinds().count(Kind.CLAIM) == 3


async def test_a_rollback_ends_what_acts_and_what_waits(held: Held) -> None:
    """B5, B6: an operator who goes back is not overtaken by what waited."""
    first = await begin(held)
    second = await held.trigger("c")

    await held.world.engine().rollback("ops", "stuck")

    results = await asyncio.gather(first, second, return_exceptions=True)
    assert all(isinstance(result, Superseded) for result in results)
    assert held.world.platform.serving == spec("a").id
    assert held.world.is_settled()
