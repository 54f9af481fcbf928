"""Every access to a secret by a release is on record, before a value is handed out (S0-12)."""

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr

from slipway.access import Access, access_body, accesses
from slipway.errors import Superseded, Unreachable
from slipway.ledger import Kind
from slipway.opening import Order
from slipway.platform import StepContext
from slipway.release import Target
from tests.fakes.world import TARGET, World, candidate, order, spec

VALUE = "canary-value"


def asking(version: str, **secrets: str) -> Order:
    return order(version, spec=spec(version, secrets=secrets))


class Reads:
    """A reader that remembers what was on record at each read."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.seen: list[tuple[str, str]] = []
        self.recorded_before: list[int] = []

    def __call__(self, name: str, version: str) -> SecretStr:
        self.seen.append((name, version))
        self.recorded_before.append(len(accesses(self.world.records())))
        return SecretStr(VALUE)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_one_record_for_one_write_before_any_value_is_read(world: World) -> None:
    """S0-12: who, which name, which version, why; and not the value."""
    reads = Reads(world)
    asyncio.run(world.engine(secrets=reads).deploy(asking("a", key="v1", url="v7")))

    (access,) = accesses(world.records())
    assert (access.actor, access.requested_by) == ("tester", "ci")
    assert (access.why, access.stage, access.candidate) == ("deploy", "apply", candidate("a"))
    assert access.secrets == {"key": "v1", "url": "v7"}
    assert reads.seen == [("key", "v1"), ("url", "v7")]
    assert reads.recorded_before == [1, 1]
    assert not [path for path in world.folder.rglob("*.json") if VALUE in path.read_text()]


def test_a_release_that_reads_nothing_leaves_no_record(world: World) -> None:
    asyncio.run(world.engine().deploy(asking("a", key="v1")))
    asyncio.run(world.engine().deploy(asking("b", key="v1")))
    asyncio.run(world.engine().rollback("ops", "errors"))
    assert len(accesses(world.records())) == 1


def test_a_rollback_that_needs_the_old_value_again_says_so(world: World) -> None:
    """N12: the value of the release that comes back, by its version."""
    asyncio.run(world.engine().deploy(asking("a", key="v1")))
    asyncio.run(world.engine().deploy(asking("b", key="v2")))
    world.platform.secrets.clear()
    asyncio.run(world.engine().rollback("ops", "errors"))
    last = accesses(world.records())[-1]
    assert (last.why, last.requested_by, last.secrets) == ("rollback", "ops", {"key": "v1"})
    assert last.candidate == candidate("a")


def test_a_restore_is_told_apart_from_the_release_that_failed(world: World) -> None:
    asyncio.run(world.engine().deploy(asking("a", key="v1")))
    world.platform.secrets.clear()
    bad = asking("b", key="v2")
    world.platform.faults["containers healthy", bad.spec.id] = broken
    with pytest.raises(Exception, match="failed"):
        asyncio.run(world.engine().deploy(bad))
    told = [(access.stage, access.secrets) for access in accesses(world.records())]
    assert told == [("apply", {"key": "v1"}), ("apply", {"key": "v2"}), ("restore", {"key": "v1"})]


def broken(context: StepContext) -> None:
    raise Unreachable("the engine is away")


class Killed(BaseException):
    """As sudden as SIGKILL."""


def test_killed_anywhere_no_write_is_without_its_record(tmp_path: Path) -> None:
    """A1, A2: recovery writes once and records each write that it makes."""
    points = count_points(tmp_path / "count")
    for at in range(points):
        world = World(tmp_path / str(at), lease_seconds=0.02)
        asyncio.run(world.engine().deploy(asking("a", key="v1")))
        die = dying(at)
        with pytest.raises(Killed):
            asyncio.run(world.engine(observer=die).deploy(asking("b", key="v2")))
        world.outlive_lease()
        asyncio.run(world.engine().recover())
        asyncio.run(world.engine().deploy(asking("b", key="v2")))
        writes = [action for action in world.platform.actions if action.startswith("write")]
        recorded = [access.secrets["key"] for access in accesses(world.records())]
        assert len(writes) == 2
        assert set(recorded) == {"v1", "v2"}
        assert len(recorded) <= 3  # one more where it died between record and write


def dying(at: int | None, seen: list[str] | None = None):
    points = [] if seen is None else seen

    def observe(name: str, point: str) -> None:
        points.append(f"{name}: {point}")
        if len(points) - 1 == at:
            raise Killed(points[-1])

    return observe


def count_points(folder: Path) -> int:
    world, seen = World(folder), []
    asyncio.run(world.engine().deploy(asking("a", key="v1")))
    asyncio.run(world.engine(observer=dying(None, seen)).deploy(asking("b", key="v2")))
    assert "access: recorded" in seen
    return len(seen)


def test_a_holder_that_was_replaced_reads_nothing(world: World) -> None:
    """The record is refused to it, and so is the value."""
    reads = Reads(world)

    def take_over(name: str, point: str) -> None:
        if (name, point) == ("access", "intended"):
            world.ledger("other").append(Kind.TAKEOVER, {"of": 1})

    with pytest.raises(Superseded):
        asyncio.run(world.engine(secrets=reads, observer=take_over).deploy(asking("a", key="v1")))
    assert reads.seen == []
    assert accesses(world.records()) == []


def test_an_access_is_read_back_as_it_was_written(world: World) -> None:
    body = access_body("format checked", "admit", candidate("a"), "ci", {"b": "2", "a": "1"})
    record = world.ledger().append(Kind.ACCESS, body)
    assert accesses(world.records()) == [
        Access(
            record=record.number,
            time=record.time,
            actor="tester",
            requested_by="ci",
            why="format checked",
            stage="admit",
            candidate=candidate("a"),
            secrets={"a": "1", "b": "2"},
        )
    ]
    assert world.ledger().target == TARGET == Target(app="shop", environment="prod")
