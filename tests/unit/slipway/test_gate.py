"""The gate's decision, from a table of states."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.appfile import Gate
from slipway.approval import Approval, ApprovalRequest, Statement
from slipway.canonical import sha256_digest
from slipway.errors import ApprovalRefused, ApprovalTimeout
from slipway.gate import Answer, Reason, identity, may_open, require_open

CASES = yaml.safe_load(Path("tests/cases/gate.yaml").read_text())


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-21T{clock}").replace(tzinfo=UTC)


def digest(word: str) -> str:
    return sha256_digest(word.encode())


def a_nonce(by: str, number: int = 1) -> str:
    return digest(f"{by} {number}")[7:39]


REQUEST = ApprovalRequest(
    candidate=f"registry.example/shop@{digest('candidate')}",
    app="shop",
    environment="prod",
    plan_hash=digest("plan"),
    requested_by="robot",
    requested_at=at("12:00"),
    author="Dora Dev <dora@example.org>",
)


def approval(by: str, **case: Any) -> Approval:
    expires = at(case.get("expires", "12:30")) + timedelta(days=case.get("days", 0))
    statement = Statement(
        candidate=digest(case.get("candidate", "candidate")),
        app=case.get("app", "shop"),
        environment=case.get("environment", "prod"),
        plan=digest(case.get("plan", "plan")),
        decision=case.get("decision", "approve"),
        reason="the database burns" if case.get("decision") == "break-glass" else None,
        approver=by,
        expires=expires,
        nonce=a_nonce(by, case.get("nonce", 1)),
    )
    people = frozenset({by, *case.get("also", [])})
    recorded = at(case.get("recorded", "12:04"))
    return Approval(statement, f"SHA256:{case.get('key', by)}", people, recorded, text="", number=7)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_gate_answers_as_the_table_says(case: dict[str, Any]) -> None:
    """I2, I3, I4, I6, I8: who counts, what does not, whose clock counts, and the one verdict."""
    gate = Gate(**{"approvals": 1, "timeout": "600s", **case.get("gate", {})})
    approvals = [approval(**item) for item in case["approvals"]]
    spent = {a_nonce(name) for name in case.get("spent", [])}
    now, waited = at(case.get("now", "12:05")), case.get("waited")
    until = at(waited) if waited else None
    verdict = may_open(gate, REQUEST, approvals, now, spent, waited_until=until)
    assert verdict.answer == case["answer"]
    assert [item.statement.approver for item in verdict.counted] == case.get("counted", [])
    reasons = [item.reason for item in verdict.discounted]
    assert reasons == [Reason[name] for name in case.get("discounted", [])]


def test_every_reason_and_answer_has_a_case() -> None:
    assert {name for case in CASES for name in case.get("discounted", [])} == set(
        Reason.__members__
    )
    assert {case["answer"] for case in CASES} == set(Answer)


def test_timeout_is_a_named_refusal() -> None:
    """I4: the end of the wait says what was found, what was needed and what comes next."""
    gate = Gate(approvals=1)
    verdict = may_open(gate, REQUEST, [approval("robot")], at("12:11"))
    with pytest.raises(ApprovalTimeout, match="0 of 1 approvals; allowed: within 10m") as refusal:
        require_open(verdict, gate, REQUEST)
    assert refusal.value.evidence == ("robot: who requested the release does not approve it",)
    assert f"--plan {REQUEST.plan_hash}" in str(refusal.value.next_step)
    assert refusal.value.exit_code == 3


def test_denial_is_a_named_refusal() -> None:
    gate = Gate(approvals=1)
    verdict = may_open(gate, REQUEST, [approval("alice", decision="deny")], at("12:05"))
    with pytest.raises(ApprovalRefused, match="denied by alice"):
        require_open(verdict, gate, REQUEST)


def test_a_closed_gate_is_refused_and_an_open_one_is_not() -> None:
    gate = Gate(approvals=1)
    with pytest.raises(ApprovalRefused, match="0 of 1 approvals"):
        require_open(may_open(gate, REQUEST, [], at("12:05")), gate, REQUEST)
    verdict = may_open(gate, REQUEST, [approval("alice")], at("12:05"))
    require_open(verdict, gate, REQUEST)
    assert verdict.numbers == [7]


@pytest.mark.parametrize(
    ("name", "same"),
    [("Dora Dev <Dora@example.org>", "dora@example.org"), (" Dora ", "dora"), ("a<b>", "b")],
)
def test_identity_is_one_spelling(name: str, same: str) -> None:
    assert identity(name) == same
