"""The chain: one writer a number, verified as it is read, nothing half-written."""

import json
import multiprocessing
import os
from functools import partial
from pathlib import Path

import pytest

from slipway.canonical import canonical_json
from slipway.claim import Goal, holder_of, open_claim
from slipway.directory_store import DirectoryStore
from slipway.errors import Busy, LedgerTampered, Superseded, Unreachable
from slipway.ledger import Kind, Ledger, genesis
from slipway.opening import claim_body, refuse_busy
from slipway.release import Target
from tests.fakes.world import TARGET, candidate, spec


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(DirectoryStore(tmp_path), TARGET, "tester")


def claim_contents() -> dict:
    return claim_body(Goal.DEPLOY, candidate("a"), spec("a"), None, "ci")


def test_records_follow_each_other_from_the_genesis_of_their_target(ledger: Ledger) -> None:
    first = ledger.append(Kind.CLAIM, claim_contents())
    second = ledger.append(Kind.INTENT, {"step": "x"})
    assert first.previous == genesis(TARGET)
    assert second.previous == first.digest
    assert [record.number for record in ledger.records()] == [1, 2]


def test_another_reader_sees_the_same_chain(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append(Kind.CLAIM, claim_contents())
    other = Ledger(DirectoryStore(tmp_path), TARGET, "other")
    assert other.records() == ledger.records()
    assert other.store.targets() == [TARGET]


def test_no_temporary_file_stays_behind(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append(Kind.CLAIM, claim_contents())
    names = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert names == ["000000001.json"]


def test_an_edited_record_is_refused_by_number(ledger: Ledger, tmp_path: Path) -> None:
    """I7: reading names the first bad record."""
    ledger.append(Kind.CLAIM, claim_contents())
    ledger.append(Kind.INTENT, {"step": "x"})
    path = tmp_path / "shop/prod/records/000000001.json"
    record = json.loads(path.read_bytes())
    record["actor"] = "somebody"
    path.write_bytes(canonical_json(record))
    with pytest.raises(LedgerTampered, match="record 2 does not follow"):
        Ledger(DirectoryStore(tmp_path), TARGET, "reader").records()


def test_a_record_of_another_environment_does_not_verify(ledger: Ledger, tmp_path: Path) -> None:
    """I7: the chain is bound to its target."""
    ledger.append(Kind.CLAIM, claim_contents())
    stage = tmp_path / "shop/stage/records"
    stage.mkdir(parents=True)
    source = tmp_path / "shop/prod/records/000000001.json"
    (stage / source.name).write_bytes(source.read_bytes())
    other = Target(app="shop", environment="stage")
    with pytest.raises(LedgerTampered, match="record 1 does not follow"):
        Ledger(DirectoryStore(tmp_path), other, "reader").records()


def test_an_unusable_folder_is_unreachable_and_says_why(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(Unreachable, match="cannot be used"):
        Ledger(DirectoryStore(blocked), TARGET, "x").append(Kind.CLAIM, claim_contents())


def test_a_folder_that_cannot_be_listed_is_not_an_empty_ledger(tmp_path: Path) -> None:
    """A10: else an unreadable ledger would read as one that never held a release."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    for look in (DirectoryStore(blocked).targets, partial(DirectoryStore(blocked).numbers, TARGET)):
        with pytest.raises(Unreachable, match="cannot be used"):
            look()
    assert DirectoryStore(tmp_path / "new").targets() == []
    assert DirectoryStore(tmp_path / "new").numbers(TARGET) == []


def test_a_newer_claim_ends_the_older_holder(ledger: Ledger) -> None:
    """B3, N11: the record's number is the fencing token."""
    old = ledger.append(Kind.CLAIM, claim_contents())
    ledger.append(Kind.TAKEOVER, {"of": old.number})
    with pytest.raises(Superseded, match="superseded by record 2"):
        ledger.append(Kind.INTENT, {"step": "x"}, unless=holder_of(old.number))
    assert len(ledger.records()) == 2


def contend(folder: Path, rounds: int, won: str) -> None:
    """One of many processes: claim, mark the start and end in the chain, close."""
    ledger = Ledger(DirectoryStore(folder), TARGET, f"p{os.getpid()}")
    got = 0
    while got < rounds:
        try:
            claim = ledger.append(
                Kind.CLAIM,
                claim_contents(),
                unless=lambda records: refuse_busy(Goal.DEPLOY, records),
            )
        except Busy:
            continue
        ledger.append(Kind.INTENT, {"step": won}, unless=holder_of(claim.number))
        ledger.append(Kind.CLOSED, {"outcome": "x"}, unless=holder_of(claim.number))
        got += 1


def test_twenty_processes_hold_one_claim_at_a_time(tmp_path: Path) -> None:
    """B1: in the chain, no claim is opened before the one before it was closed."""
    context = multiprocessing.get_context("forkserver")  # nothing of earlier tests is in them
    context.set_forkserver_preload([__name__])
    processes = [context.Process(target=contend, args=(tmp_path, 5, str(n))) for n in range(20)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 20
    records = Ledger(DirectoryStore(tmp_path), TARGET, "reader").records()
    kinds = [record.kind for record in records]
    assert kinds == [Kind.CLAIM, Kind.INTENT, Kind.CLOSED] * 100
    assert open_claim(records) is None
    writers = [record.actor for record in records]
    assert all(writers[at] == writers[at + 2] for at in range(0, 300, 3))
