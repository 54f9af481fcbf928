"""What the keeper tells a Prefect server of the ledger: all of it, once, however often it looks."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from slipway.cli import backfill
from slipway.cli.backfill import Backfill
from slipway.cli.told import endings, event, page
from slipway.errors import CrashLoop, ReleaseFailed, Unreachable
from slipway.platform import StepContext
from tests.fakes.world import TARGET, World, order, spec


class Server:
    """Keeps events by id and artifacts in order, as Prefect's does; may be away, or slow to see."""

    def __init__(self) -> None:
        self.events: dict[str, Any] = {}
        self.arriving: dict[str, Any] = {}
        self.artifacts: list[str] = []
        self.sent = 0
        self.away = self.is_slow = False

    def _here(self) -> None:
        if self.away:
            raise Unreachable("the Prefect server did not answer")

    def newest_artifact(self, key: str) -> str | None:
        self._here()
        assert key == "history--shop--prod"
        return self.artifacts[-1] if self.artifacts else None

    def add_artifact(self, key: str, markdown: str, about: str) -> None:
        self.artifacts.append(markdown)

    def events_of(self, ids: Sequence[str]) -> set[str]:
        return set(ids) & set(self.events)

    def send_events(self, events: Sequence[Any]) -> None:
        self.sent += len(events)
        self.arriving |= {one["id"]: one for one in events}
        if not self.is_slow:
            self.arrive()

    def arrive(self) -> None:
        self.events |= self.arriving


@pytest.fixture
def server() -> Server:
    return Server()


def told_by(world: World, server: Server) -> Backfill:
    """A keeper's that was just started."""
    return Backfill(world.ledger().store, server)  # type: ignore[arg-type]


def deploy(world: World, *versions: str) -> None:
    for version in versions:
        asyncio.run(world.engine().deploy(order(version)))


def crash(context: StepContext) -> None:
    raise CrashLoop("exit 1 | <b>`")


def test_each_record_is_told_once_however_often_it_is_looked(world: World, server: Server) -> None:
    """I9: also by another keeper, which remembers nothing."""
    deploy(world, "a", "b")
    first = told_by(world, server)
    for keeper in (first, first, told_by(world, server), told_by(world, server)):
        keeper.look()
    ends = endings(TARGET, world.records())
    assert list(server.events) == [str(one.event_id) for one in ends]
    assert (server.sent, len(server.artifacts)) == (2, 1)


def test_what_happened_while_the_server_was_away_is_told_when_it_returns(
    world: World, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I9, A5: nothing is lost, and nothing is told twice."""
    monkeypatch.setattr(backfill, "AWAY_SECONDS", 0.0)
    keeper = told_by(world, server)
    deploy(world, "a")
    keeper.look()
    server.away = True
    deploy(world, "b")
    asyncio.run(world.engine().rollback("olga", "b is bad"))
    keeper.look()
    assert len(server.events) == 1
    server.away = False
    keeper.look()
    payloads = [one["payload"] for one in server.events.values()]
    assert [one["outcome"] for one in payloads] == ["released", "released", "rolled back"]
    assert payloads[-1]["why"] == "b is bad"
    assert server.sent == 3
    assert "rolled back" in server.artifacts[-1]
    assert len(server.artifacts) == 2


def test_an_event_on_its_way_is_not_sent_again(world: World, server: Server) -> None:
    """I9: a server that took it may show it later; one that lost it is sent it again."""
    server.is_slow = True
    deploy(world, "a")
    keeper = told_by(world, server)
    for _ in range(3):
        keeper.look()
    assert server.sent == 1
    keeper.sent = dict.fromkeys(keeper.sent, -1e9)
    keeper.look()
    assert server.sent == 2
    server.arrive()
    keeper.look()
    assert (server.sent, len(server.events)) == (2, 1)


def test_what_is_open_is_not_told_and_what_failed_says_why(world: World) -> None:
    """G5: what an app printed is text in the page, and the event carries it as data."""
    deploy(world, "a")
    world.platform.faults["containers healthy", spec("b").id] = crash
    with pytest.raises(ReleaseFailed):
        deploy(world, "b")
    records = world.records()
    found = endings(TARGET, records)
    assert [one.row.outcome for one in found] == ["released", "restored"]
    assert endings(TARGET, records[:-1]) == found[:1]
    assert event(found[1])["payload"]["why"] == "exit 1 | <b>`"
    text = page(TARGET, found)
    assert "exit 1 \\| &lt;b&gt;\\`" in text
    assert text.index("restored") < text.index("released")


def test_event_ids_come_from_what_the_records_say(world: World, tmp_path: Path) -> None:
    """I9: read again they are the same; another ledger's records of the same number have others."""
    other = World(tmp_path / "other")
    for one in (world, other):
        deploy(one, "a", "b")
    ids = [[one.event_id for one in endings(TARGET, w.records())] for w in (world, world, other)]
    assert ids[0] == ids[1]
    assert len({*ids[0], *ids[2]}) == 4
