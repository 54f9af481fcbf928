"""Requests and approvals in the ledger, and the wait between the two.

Bodies: `requested` holds an ApprovalRequest; `approval` holds the armored text and, for readers,
what it says; a claim lists in `approvals` the numbers of the records that it used up. The claim is
not held while a gate waits.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from slipway.appfile import Gate
from slipway.approval import Approval, ApprovalRequest, verify_approval
from slipway.canonical import JsonObject
from slipway.errors import ApprovalRefused, SignatureRefused
from slipway.gate import TOLERANCE, Answer, GateVerdict, discount, may_open, require_open
from slipway.ledger import Kind, Ledger, Record
from slipway.plan import Plan


@dataclass(frozen=True, slots=True)
class Gatekeeper:
    """Opens one environment's gate; call it with the plan, as `Engine.gate` is.

    Attributes:
        signers: the allowed-signers file.
        gate: as the candidate's app file says; it may not ask for less than the release before.
        author: who wrote the source.
        note: one line of progress for the operator.
    """

    ledger: Ledger
    signers: Path
    gate: Gate
    requested_by: str
    author: str | None = None
    note: Callable[[str], None] = field(default=lambda line: None)
    poll_seconds: float = 1.0

    async def __call__(self, plan: Plan) -> list[int]:
        """Wait until the plan is approved; numbers of the approval records.

        Raises:
            ApprovalRefused: somebody enrolled denied it.
            ApprovalTimeout: nobody approved it in time.
            BadInput, Unreachable: the allowed-signers file cannot be used.
        """
        gate = self.strict()
        if gate.approvals == 0:
            return []
        request = self.request(plan)
        seen = len(self.ledger.records())
        while (verdict := self.verdict(request)).answer is Answer.WAITING:
            seen = await self.new_records(seen, self._ends(request))
        require_open(verdict, gate, request)
        if verdict.glass:
            said = verdict.glass.statement
            self.note(f"GLASS BROKEN by {said.approver}: {said.reason}")
        return verdict.numbers

    def request(self, plan: Plan) -> ApprovalRequest:
        """The request for that plan: one that waits already, as after a restart, or a new one."""
        new = ApprovalRequest(
            candidate=plan.candidate,
            app=plan.spec.target.app,
            environment=plan.spec.target.environment,
            plan_hash=plan.hash,
            requested_by=self.requested_by,
            requested_at=self.ledger.clock(),
            author=self.author,
            gate=self.gate.approvals,
            changes=tuple(str(change) for change in plan.changes),
        )
        waiting = pending_request(self.ledger.records(), new)
        if waiting and _still_waits(waiting, new, self.strict()):
            return waiting
        self.ledger.append(Kind.REQUESTED, new.model_dump(mode="json"))
        return new

    def verdict(self, request: ApprovalRequest) -> GateVerdict:
        """What the gate says now, by the approvals in the ledger."""
        records, now = self.ledger.records(), self.ledger.clock()
        approvals, rejected = recorded_approvals(records, self.signers, now)
        for line in rejected:
            self.note(f"does not count: {line}")
        gate, until = self.strict(), self.ledger.steady()
        spent = spent_nonces(records)
        verdict = may_open(gate, request, approvals, now, spent, waited_until=until)
        for item in verdict.discounted:
            self.note(f"does not count: {item}")
        return verdict

    def _ends(self, request: ApprovalRequest) -> datetime:
        """When the wait is over, by the ledger's steady clock."""
        return request.requested_at + self.strict().timeout

    def strict(self) -> Gate:
        """An app file that asks for less must itself be let in by the gate before."""
        least = max(self.gate.approvals, gate_before(self.ledger.records()))
        return self.gate.model_copy(update={"approvals": least})

    async def new_records(self, seen: int, ends: datetime) -> int:
        """Return the count once there are more records than were seen, or the time is over."""
        while (count := len(self.ledger.records())) == seen and self.ledger.steady() <= ends:  # noqa: ASYNC110 - a directory signals nothing
            await asyncio.sleep(self.poll_seconds)
        return count


def hand_in(ledger: Ledger, text: str, signers: Path) -> Record:
    """Record an approval or denial, whoever carries it; the new record.

    Raises:
        SignatureRefused: it does not verify.
        ApprovalRefused: it is for another target, was handed in before, or cannot count.
        BadInput, Unreachable: the allowed-signers file cannot be used.
    """
    approval = verify_approval(text, signers, ledger.clock())
    check = partial(refuse_useless, approval, ledger)
    return ledger.append(Kind.APPROVAL, approval_body(approval), unless=check)


def refuse_useless(approval: Approval, ledger: Ledger, records: Sequence[Record]) -> None:
    """Raises ApprovalRefused for an approval that could never count here."""
    statement = approval.statement
    if (statement.app, statement.environment) != (ledger.target.app, ledger.target.environment):
        raise ApprovalRefused(
            f"the approval by {statement.approver} is for another target",
            found=f"{statement.app}/{statement.environment}",
            allowed=str(ledger.target),
            next_step="hand it in where it belongs",
        )
    refuse_replay(records, approval)
    request = last_request(records, statement.plan)
    reason = discount(approval, request, [], ledger.clock()) if request else None
    if reason:
        raise ApprovalRefused(
            f"the approval by {statement.approver} does not count: {reason}",
            found=f"plan {statement.plan}, valid until {statement.expires.isoformat()}",
            next_step="let another enrolled person sign what the gate asks for",
        )


def refuse_replay(records: Sequence[Record], approval: Approval) -> None:
    """Raises ApprovalRefused where the approval's nonce is in the ledger already."""
    nonce = approval.statement.nonce
    for record in records:
        if record.kind is Kind.APPROVAL and record.body.get("nonce") == nonce:
            raise ApprovalRefused(
                f"the approval by {approval.statement.approver} was handed in before",
                found=f"its nonce in record {record.number}",
                allowed="each signature once",
                next_step="sign again: slipway approve",
            )


def approval_body(approval: Approval) -> JsonObject:
    """Body of an `approval` record; only `text` is evidence."""
    return {
        **approval.statement.model_dump(mode="json", exclude={"type"}, exclude_none=True),
        "fingerprint": approval.fingerprint,
        "text": approval.text,
    }


def last_request(records: Sequence[Record], plan_hash: str | None = None) -> ApprovalRequest | None:
    """The newest request, of that plan where one is given, or None."""
    for record in reversed(records):
        if record.kind is Kind.REQUESTED and plan_hash in {None, record.body.get("plan_hash")}:
            return _read_request(record)
    return None


def pending_request(records: Sequence[Record], new: ApprovalRequest) -> ApprovalRequest | None:
    """The request that waits for the same, asked by the same; None once anything ended it."""
    for record in reversed(records):
        if record.kind in {Kind.CLAIM, Kind.CLOSED, Kind.REFUSED}:
            return None
        request = _read_request(record) if record.kind is Kind.REQUESTED else None
        if request and request == new.model_copy(update={"requested_at": request.requested_at}):
            return request
    return None


def _still_waits(waiting: ApprovalRequest, new: ApprovalRequest, gate: Gate) -> bool:
    """Whether its time is not over; one from the future was dated by a clock set back since."""
    age = new.requested_at - waiting.requested_at
    return -TOLERANCE <= age <= gate.timeout


def _read_request(record: Record) -> ApprovalRequest | None:
    try:
        return ApprovalRequest.model_validate(record.body)
    except ValidationError:
        return None


def recorded_approvals(
    records: Sequence[Record], signers: Path, now: datetime
) -> tuple[list[Approval], list[str]]:
    """Every recorded approval that verifies now, in order, and why the others do not.

    The signatures are verified again, since a record proves only that somebody wrote it.

    Raises:
        BadInput, Unreachable: the allowed-signers file cannot be used.
    """
    approvals: list[Approval] = []
    rejected: list[str] = []
    for record in records:
        if record.kind is not Kind.APPROVAL:
            continue
        try:
            approval = verify_approval(str(record.body.get("text")), signers, now)
        except SignatureRefused as error:
            rejected.append(f"record {record.number}: {error}")
        else:
            recorded = datetime.fromisoformat(record.time)
            approvals.append(replace(approval, recorded=recorded, number=record.number))
    return approvals, rejected


def spent_nonces(records: Sequence[Record]) -> frozenset[str]:
    """Nonces that opened a gate before."""
    used = {number for claim in _claims(records) for number in claim.body.get("approvals", [])}
    return frozenset(str(item.body.get("nonce")) for item in records if item.number in used)


def gate_before(records: Sequence[Record]) -> int:
    """How many approvals the app file of the last approved release asks for; 0 where none was."""
    for claim in reversed(_claims(records)):
        request = last_request(records[: claim.number], claim.body.get("plan_hash"))
        if claim.body.get("approvals") and request:
            return request.gate
    return 0


def _claims(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if record.kind is Kind.CLAIM]
