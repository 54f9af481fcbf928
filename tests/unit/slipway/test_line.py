"""Who waits for an environment goes in turn; who died while waiting is passed over."""

import asyncio
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from slipway.claim import Goal, Holder, holder_lives, holder_of, open_claim
from slipway.directory_store import DirectoryStore
from slipway.errors import Busy, ReleaseFailed
from slipway.history import Outcome, serving_release
from slipway.ledger import Kind, Ledger
from slipway.line import Line, standing_in_line
from slipway.opening import claim_body, refuse_busy
from slipway.platform import StepContext
from tests.fakes.world import TARGET, World, candidate, order, spec

FORK = multiprocessing.get_context("forkserver")
LONGEST = 120.0
WAITERS = 10


def chain(folder: Path, actor: str = "tester") -> Ledger:
    return Ledger(DirectoryStore(folder), TARGET, actor)


def contents() -> dict[str, object]:
    one = order("a")
    return claim_body(Goal.DEPLOY, one.candidate, one.spec, None, "ci")


def claim(ledger: Ledger) -> int:
    check = lambda records: refuse_busy(Goal.DEPLOY, records)  # noqa: E731
    return ledger.append(Kind.CLAIM, contents(), unless=check).number


def is_held(ledger: Ledger) -> bool:
    held = open_claim(ledger.records())
    return held is not None and holder_lives(ledger, held)


def wait_and_claim(folder: Path, name: str, seconds: float = 15.0) -> None:
    """One of many processes: wait in line, claim, close at once."""
    ledger = chain(folder, name)
    with standing_in_line(ledger, LONGEST, seconds) as line:
        asyncio.run(line.turn(lambda: is_held(ledger)))
        token = claim(ledger)
        line.leave()
        ledger.append(Kind.CLOSED, {"outcome": "x"}, unless=holder_of(token))


def starts(folder: Path, *given: object) -> BaseProcess:
    """A process that waits, once it has its number."""
    before = len(in_line(folder))
    process = FORK.Process(target=wait_and_claim, args=(folder, *given))
    process.start()
    until = time.monotonic() + LONGEST
    while len(in_line(folder)) == before:
        assert time.monotonic() < until
        time.sleep(0.02)
    return process


def in_line(folder: Path) -> list[str]:
    return chain(folder).store.leases(TARGET, "waiting")


def claimants(folder: Path) -> list[str]:
    return [one.actor for one in chain(folder).records() if one.kind is Kind.CLAIM]


@pytest.mark.alone
def test_ten_processes_go_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    """B7: a second at most after the one before; nobody is left in line."""
    FORK.set_forkserver_preload([__name__])
    holder = chain(tmp_path, "first")
    token = claim(holder)
    with Holder(holder, token):
        names = [f"waiter-{number}" for number in range(WAITERS)]
        processes = [starts(tmp_path, name) for name in names]
        assert claimants(tmp_path) == ["first"]
        holder.append(Kind.CLOSED, {"outcome": "x"}, unless=holder_of(token))
    for process in processes:
        process.join(LONGEST)
    assert [process.exitcode for process in processes] == [0] * WAITERS
    assert claimants(tmp_path) == ["first", *names]
    records = [one for one in holder.records() if one.kind in (Kind.CLAIM, Kind.CLOSED)]
    times = [datetime.fromisoformat(one.time) for one in records]
    handoffs = [(times[at] - times[at - 1]).total_seconds() for at in range(2, len(times), 2)]
    assert len(handoffs) == WAITERS
    assert sorted(handoffs)[WAITERS // 2] < 1  # the median: another process may be busy at one
    assert in_line(tmp_path) == []


def test_who_died_while_waiting_is_passed_over(tmp_path: Path) -> None:
    """B7: once its sign of life ran out; the others keep their order."""
    holder = chain(tmp_path, "first")
    token = claim(holder)
    with Holder(holder, token):
        processes = [starts(tmp_path, name, 2.0) for name in ("dies", "second", "third")]
        os.kill(int(processes[0].pid or 0), signal.SIGKILL)
        holder.append(Kind.CLOSED, {"outcome": "x"}, unless=holder_of(token))
    for process in processes:
        process.join(LONGEST)
    assert [process.exitcode for process in processes] == [-signal.SIGKILL, 0, 0]
    assert claimants(tmp_path) == ["first", "second", "third"]


async def test_the_wait_is_bounded_and_says_what_was_in_the_way(tmp_path: Path) -> None:
    """B7: exit code 9, and the place in line is free again."""
    ledger = chain(tmp_path)
    with standing_in_line(ledger, LONGEST, 15) as first:
        assert first.is_next()
        late = pytest.raises(Busy, match="1 before this one; allowed: within 500ms")
        with standing_in_line(ledger, 0.5, 15) as second, late:
            await second.turn(lambda: False)
        assert first.number == 1
        assert len(in_line(tmp_path)) == 1
    assert in_line(tmp_path) == []


async def test_who_does_not_wait_does_not_push_in(tmp_path: Path) -> None:
    """B7: a deploy that wants the claim at once is refused while others wait for it."""
    ledger = chain(tmp_path)
    with standing_in_line(ledger, LONGEST, 15) as waiting:
        assert waiting.is_next()
        waiting.refuse_barging()
        with pytest.raises(Busy, match="others wait for shop/prod"):
            Line(ledger).refuse_barging()
        with pytest.raises(Busy, match="others wait"):
            await World(tmp_path).engine().deploy(order("a"))
    Line(ledger).refuse_barging()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def under_way(world: World, version: str, release: threading.Event) -> asyncio.Task[object]:
    """A deploy that has its claim and hangs until released."""

    def hang(context: StepContext) -> None:
        release.wait(30)

    world.platform.faults["containers healthy", spec(version).id] = hang
    task = asyncio.create_task(world.engine().deploy(order(version)))
    await until(lambda: open_claim(world.records()) is not None)
    return task


async def until(true: Callable[[], bool]) -> None:
    """Return once it is true; a directory signals nothing."""
    for _ in range(3000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def test_a_deploy_waits_for_the_one_under_way(world: World) -> None:
    """B7: without a wait it is refused at once; with one it comes after it."""
    release = threading.Event()
    first = await under_way(world, "a", release)
    with pytest.raises(Busy, match="is held by deploy"):
        await world.engine().deploy(order("b"))
    second = asyncio.create_task(world.engine().deploy(order("b"), LONGEST))
    await until(lambda: bool(in_line(world.folder)))
    assert not second.done()
    release.set()
    results = [await first, await second]
    assert [one.outcome for one in results] == [Outcome.RELEASED] * 2  # type: ignore[attr-defined]
    serving = serving_release(world.records())
    assert serving
    assert serving.candidate == candidate("b")
    assert in_line(world.folder) == []


async def test_a_waiting_deploy_settles_what_a_dead_holder_left(world: World) -> None:
    """B7, B2: it does not wait for the dead."""
    await world.engine().deploy(order("a"))
    world.ledger().append(Kind.CLAIM, contents() | {"contents": None})
    result = await world.engine().deploy(order("b"), LONGEST)
    assert result.outcome is Outcome.RELEASED
    outcomes = [one.body["outcome"] for one in world.records() if one.kind is Kind.CLOSED]
    assert outcomes == [Outcome.RELEASED, Outcome.RESTORED, Outcome.RELEASED]


async def test_a_release_that_failed_makes_room(world: World) -> None:
    """B7: the next in line comes, whatever became of the one before."""

    def crash(context: StepContext) -> None:
        raise Busy("engine is busy")

    world.platform.faults["containers healthy", spec("a").id] = crash
    with pytest.raises(ReleaseFailed):
        await world.engine().deploy(order("a"), LONGEST)
    assert in_line(world.folder) == []
    assert (await world.engine().deploy(order("b"))).outcome is Outcome.RELEASED
