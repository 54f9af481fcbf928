"""Migration from one store: planned, killed anywhere, resumed, verified, undone (S0-15, S0-22)."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from slipway.errors import BadInput, Refused, SecretMissing, Unreachable
from slipway.secret import SecretState
from slipway.secret_check import Pins
from slipway.secret_journal import Journal, Phase, journal_path, load_journal, save_journal
from slipway.secret_migration import Found, Migration, Move, plan_migration
from slipway.secret_tiers import Tier
from tests.fakes.secrets import MemorySecrets
from tests.fakes.world import TARGET

OLD = {
    "DATABASE_URL": "postgres://canary-db",
    "docker-registry-password": "canary-registry",
    "external-api-keys": "canary-a,canary-b",
    "k8s-namespace": "shop",
    "something": "canary-something",
}
DECLARED = ("database-url", "external-api-keys")


class Killed(BaseException):
    """Stands for a kill."""


class Ticks:
    """Counts the boundaries of what is done, and kills at one of them."""

    def __init__(self, kill_at: int | None = None) -> None:
        self.count, self.kill_at = 0, kill_at

    def __call__(self) -> None:
        self.count += 1
        if self.count == self.kill_at:
            raise Killed


@dataclass
class DoomedSecrets(MemorySecrets):
    """A store in which a process may die before and after each write."""

    tick: Ticks = field(default_factory=Ticks)

    def write(self, name: str, value: SecretStr) -> str:
        self.tick()
        version = super().write(name, value)
        self.tick()
        return version

    def delete(self, name: str) -> None:
        self.tick()
        super().delete(name)
        self.tick()


@dataclass
class OldSecrets:
    """An OldStore in memory: takes names of any spelling."""

    values: dict[str, str] = field(default_factory=lambda: dict(OLD))

    def names(self) -> list[str]:
        return sorted(self.values)

    def state(self, name: str) -> SecretState:
        if name not in self.values:
            raise SecretMissing(f"{name} is not in the old store")
        return SecretState(name=name, version="1", written=None)

    def read(self, name: str, version: str) -> SecretStr:
        return SecretStr(self.values[name])

    def delete(self, name: str) -> None:
        self.values.pop(name, None)


@dataclass
class Town:
    """Two stores and a journal file; a new `Migration` is a new process."""

    path: Path
    old: OldSecrets = field(default_factory=OldSecrets)
    new: DoomedSecrets = field(default_factory=DoomedSecrets)
    notes: list[str] = field(default_factory=list)

    def save(self, journal: Journal) -> None:
        self.new.tick()
        save_journal(self.path, journal)
        self.new.tick()

    @property
    def migration(self) -> Migration:
        journal = load_journal(self.path)
        return Migration(self.old, self.new, journal, self.save, self.notes.append)

    def apply(self) -> Journal:
        return self.migration.apply(plan_migration(self.old.names(), DECLARED))

    @property
    def values(self) -> dict[str, str]:
        return {
            name: self.new.read(name, self.new.state(name).version).get_secret_value()
            for name in self.new.names()
        }


COPIED = {"database-url": OLD["DATABASE_URL"], "external-api-keys": OLD["external-api-keys"]}


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(journal_path(tmp_path, TARGET))


def test_plan_tells_where_each_name_belongs() -> None:
    """S0-15: build credentials to Jenkins, runtime secrets to the store, config to the app file."""
    moves = plan_migration(OLD, DECLARED)
    assert [(move.old, str(move.tier), move.to) for move in moves] == [
        ("DATABASE_URL", "runtime", "database-url"),
        ("docker-registry-password", "build", "docker-registry-credentials"),
        ("external-api-keys", "runtime", "external-api-keys"),
        ("k8s-namespace", "config", None),
        ("something", "undecided", None),
    ]
    assert "--tier something=" in moves[-1].how
    assert "secrets.x-key" in plan_migration(["x-key"], (), {"x-key": Tier.RUNTIME})[0].how


def test_what_somebody_decided_wins() -> None:
    moves = plan_migration(["something"], (), {"something": Tier.RUNTIME})
    assert moves == [
        Move(
            old="something",
            tier=Tier.RUNTIME,
            to="something",
            how="copied; declare secrets.something in slipway.yaml",
        )
    ]
    with pytest.raises(BadInput, match="no such name"):
        plan_migration(["something"], (), {"other": Tier.RUNTIME})


def test_two_old_names_for_one_new_one_are_refused() -> None:
    with pytest.raises(BadInput, match="two old names would become database-url"):
        plan_migration(["DATABASE_URL", "database-url"], DECLARED)


def test_apply_copies_runtime_secrets_alone_and_once(town: Town) -> None:
    town.apply()
    writes = town.new.writes
    town.apply()
    assert (town.values, town.new.writes) == (COPIED, writes)
    assert town.old.names() == sorted(OLD)


def test_journal_holds_names_and_versions_alone(town: Town) -> None:
    town.apply()
    text = town.path.read_text()
    assert json.loads(text)["copies"][0] == {
        "old": "DATABASE_URL",
        "old_version": "1",
        "new": "database-url",
        "phase": "written",
        "version": "1",
    }
    assert "canary" not in text + "".join(town.notes)
    assert town.path.stat().st_mode & 0o777 == 0o600


def count_boundaries(folder: Path) -> int:
    town = Town(folder / "count" / "journal.json")
    town.apply()
    applied = town.new.tick.count
    town.migration.undo(Pins())
    assert town.new.tick.count > applied
    return applied


def test_killed_at_any_boundary_it_goes_on_and_can_be_undone(tmp_path: Path) -> None:
    """A2: before and after every write and its record; nothing is left, nothing is lost."""
    for number in range(1, count_boundaries(tmp_path) + 1):
        town = Town(tmp_path / str(number) / "journal.json")
        town.new.tick = Ticks(kill_at=number)
        with pytest.raises(Killed):
            town.apply()
        town.apply()
        assert town.values == COPIED, number
        assert {copy.phase for copy in load_journal(town.path).copies} == {Phase.WRITTEN}, number
        town.migration.undo(Pins())
        assert (town.new.names(), town.old.names()) == ([], sorted(OLD)), number


def test_undo_right_after_a_kill_leaves_nothing(tmp_path: Path) -> None:
    for number in range(1, count_boundaries(tmp_path) + 1):
        town = Town(tmp_path / str(number) / "journal.json")
        town.new.tick = Ticks(kill_at=number)
        with pytest.raises(Killed):
            town.apply()
        town.migration.undo(Pins())
        assert town.new.names() == [], number


def test_undo_killed_at_any_boundary_goes_on(tmp_path: Path) -> None:
    for number in range(1, 9):
        town = Town(tmp_path / str(number) / "journal.json")
        town.apply()
        town.new.tick = Ticks(kill_at=number)
        with pytest.raises(Killed):
            town.migration.undo(Pins())
        town.migration.undo(Pins())
        assert (town.new.names(), load_journal(town.path)) == ([], Journal()), number


def test_what_was_there_before_is_never_overwritten(town: Town) -> None:
    town.new.write("database-url", SecretStr("canary-other"))
    with pytest.raises(Refused, match="another value") as no:
        town.apply()
    assert "canary" not in f"{no.value}{no.value.next_step}"
    assert town.values["database-url"] == "canary-other"


def test_undo_leaves_what_was_there_before(town: Town) -> None:
    town.new.write("database-url", SecretStr(OLD["DATABASE_URL"]))
    town.apply()
    assert town.migration.undo(Pins()) == ["external-api-keys"]
    assert town.new.names() == ["database-url"]


def test_verify_compares_values(town: Town) -> None:
    town.apply()
    assert {one.found for one in town.migration.verify()} == {Found.EQUAL}
    town.new.write("database-url", SecretStr("postgres://canary-wrong"))
    town.new.delete("external-api-keys")
    assert [(one.new, one.found) for one in town.migration.verify()] == [
        ("database-url", Found.DIFFERENT),
        ("external-api-keys", Found.MISSING),
    ]


def test_originals_go_only_after_every_copy_is_equal(town: Town) -> None:
    town.apply()
    town.new.write("database-url", SecretStr("postgres://canary-wrong"))
    with pytest.raises(Refused, match="nothing was removed"):
        town.migration.remove_old()
    assert town.old.names() == sorted(OLD)
    town.new.write("database-url", SecretStr(OLD["DATABASE_URL"]))
    removed = town.migration.remove_old(["docker-registry-password"])
    assert removed == ["DATABASE_URL", "external-api-keys", "docker-registry-password"]
    assert town.old.names() == ["k8s-namespace", "something"]
    assert town.migration.remove_old() == []


def test_only_names_moved_by_hand_are_removed_without_a_copy(town: Town) -> None:
    town.apply()
    for name in ("DATABASE_URL", "nothing-such"):
        with pytest.raises(BadInput):
            town.migration.remove_old([name])
    assert town.old.names() == sorted(OLD)


def test_nothing_is_verified_or_removed_before_apply(town: Town) -> None:
    for act in (town.migration.verify, town.migration.remove_old):
        with pytest.raises(Refused, match="nothing was copied yet"):
            act()


def test_undo_is_refused_once_something_depends_on_a_copy(town: Town) -> None:
    town.apply()
    pins = Pins(kept={"database-url": ("1",)})
    with pytest.raises(Refused, match="cannot be undone"):
        town.migration.undo(pins)
    town.new.write("database-url", SecretStr("postgres://canary-rotated"))
    with pytest.raises(Refused, match="written again since"):
        town.migration.undo(Pins())
    assert set(town.values) == set(COPIED)


def test_undo_is_refused_once_originals_are_gone(town: Town) -> None:
    town.apply()
    town.migration.remove_old()
    with pytest.raises(Refused, match="no longer in the old store"):
        town.migration.undo(Pins())
    assert town.values == COPIED


def test_a_broken_journal_is_told(tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    path.write_text("{")
    with pytest.raises(BadInput, match="is no journal"):
        load_journal(path)
    with pytest.raises(Unreachable):
        save_journal(path / "below" / "a-file", Journal())
