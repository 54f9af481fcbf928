"""Whether a holder lives, whatever the clocks of the machines say."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from slipway import claim as claims
from slipway.claim import Goal, Lease, boot_id, holder_lives, open_claim, renew_lease
from slipway.directory_store import DirectoryStore
from slipway.ledger import Kind, Ledger, steady
from slipway.opening import claim_body
from tests.fakes.world import TARGET, order

HOURS = 3 * 3600.0
LEASE = Lease(token=1, holder="there:7", millis=15_000, boot="there", ends=1_000_000)


@pytest.mark.parametrize(
    ("boot", "monotonic", "age", "alive"),
    [
        # On the holder's own machine its monotonic clock counts, and no other.
        ("there", 999.9, 0.0, True),
        ("there", 999.9, HOURS, True),
        ("there", 999.9, -HOURS, True),
        ("there", 999.9, None, True),
        ("there", 1000.0, 0.0, False),
        ("there", 1000.0, -HOURS, False),
        # From another machine, or after a boot, the store's clock counts, and no other.
        ("here", 5.0, 14.9, True),
        ("here", 9e9, 14.9, True),
        ("here", 5.0, 15.0, False),
        ("here", 5.0, HOURS, False),
        ("here", 5.0, -1.0, True),
        # The store's clock was set back since: a holder that lives renews it at once.
        ("here", 5.0, -HOURS, False),
        # The lease is gone, or was never there.
        ("here", 5.0, None, False),
        # A machine that cannot tell its boots apart is another machine.
        ("", 999.9, 1.0, True),
        ("", 999.9, HOURS, False),
    ],
)
def test_a_lease_is_judged_by_the_clock_that_both_share(
    boot: str, monotonic: float, age: float | None, alive: bool
) -> None:
    """I6, B2: neither three hours ahead nor behind, nor a step, makes a dead holder of a living."""
    assert LEASE.alive(boot, monotonic, age) is alive


def test_two_machines_without_a_boot_id_are_not_one() -> None:
    """I6: then the store's clock alone counts."""
    assert not LEASE.model_copy(update={"boot": ""}).alive("", 5.0, HOURS)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A chain with one open claim."""
    ledger = Ledger(DirectoryStore(tmp_path), TARGET, "tester")
    one = order("a")
    ledger.append(Kind.CLAIM, claim_body(Goal.DEPLOY, one.candidate, one.spec, None, "ci"))
    return ledger


def lives(ledger: Ledger) -> bool:
    claim = open_claim(ledger.records())
    assert claim
    return holder_lives(ledger, claim, 15)


def age(path: Path, seconds: float) -> None:
    """Date a file by so much before now."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def lease_file(ledger: Ledger) -> Path:
    return next(Path(ledger.store.root).rglob("lease.json"))  # type: ignore[attr-defined]


@pytest.mark.parametrize("shift", [HOURS, -HOURS])
def test_a_wall_clock_that_differs_ends_no_lease(
    ledger: Ledger, shift: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I6: whether it is the holder's, or that of who asks."""
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + shift)
    assert lives(ledger)
    renew_lease(ledger, 1)
    assert lives(ledger)
    monkeypatch.setattr(time, "time", now)
    assert lives(ledger)


def test_another_machines_lease_runs_by_the_stores_clock(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I6, A9: also the lease from before a reboot, wherever the monotonic clock began again."""
    renew_lease(ledger, 1)
    monkeypatch.setattr(claims, "boot_id", lambda: "another")
    monkeypatch.setattr(time, "monotonic", lambda: 1.0)
    assert lives(ledger)
    age(lease_file(ledger), 14)
    assert lives(ledger)
    for seconds in (16, HOURS, -HOURS):
        age(lease_file(ledger), seconds)
        assert not lives(ledger)


def test_a_claim_that_is_about_to_write_its_lease_lives(ledger: Ledger) -> None:
    """B2: for one lease after its record was written, by the store's clock."""
    assert lives(ledger)
    age(next(Path(ledger.store.root).rglob("000000001.json")), 16)  # type: ignore[attr-defined]
    assert not lives(ledger)


def test_boots_are_told_apart_by_the_system() -> None:
    assert len(boot_id()) == 36


def test_records_are_dated_by_the_store(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I6: so writers whose clocks differ date alike, the first record too."""
    real = datetime.now(UTC)
    monkeypatch.setattr(time, "time", lambda: real.timestamp() + HOURS)
    new = Ledger(DirectoryStore(tmp_path / "not" / "there"), TARGET, "tester")
    for one in (ledger, new):
        record = one.append(Kind.ACCESS, {})
        assert abs(datetime.fromisoformat(record.time) - real) < timedelta(minutes=5)


def test_a_steady_clock_goes_on_where_a_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """I6: time that passed is all that counts once it was asked."""
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    told, passed = [noon], [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: passed[0])
    now = steady(lambda: told[0])
    assert now() == noon
    told[0] += timedelta(hours=3)
    passed[0] += 60
    assert now() == noon + timedelta(minutes=1)
    told[0] -= timedelta(hours=6)
    passed[0] += 60
    assert now() == noon + timedelta(minutes=2)
