"""Whether a gate opens: one pure decision on a request and verified approvals."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from slipway.appfile import Gate
from slipway.approval import Approval, ApprovalRequest, Decision
from slipway.errors import ApprovalRefused, ApprovalTimeout
from slipway.names import short_digest
from slipway.quantities import format_duration

LONGEST_VALIDITY = timedelta(hours=24)
# Who signs may be at a machine whose clock is not quite that of the ledger.
TOLERANCE = timedelta(minutes=5)


class Answer(StrEnum):
    """What the gate says; `denied` and `timed out` are final."""

    OPEN = "open"
    WAITING = "waiting"
    DENIED = "denied"
    TIMED_OUT = "timed out"


class Reason(StrEnum):
    """Why an approval does not count."""

    CANDIDATE = "it is for another candidate"
    ENVIRONMENT = "it is for another environment"
    PLAN = "it is for another plan"
    EXPIRED = "it has expired"
    LATE = "it came after the gate's time was over"
    TOO_LONG = "it is valid for longer than 24 hours"
    SPENT = "an earlier release used it"
    REQUESTER = "who requested the release does not approve it"
    AUTHOR = "the author of the source does not approve it"
    REPEATED = "this person or key has decided already"


@dataclass(frozen=True, slots=True)
class Discounted:
    """An approval that does not count, and why."""

    approver: str
    reason: Reason

    def __str__(self) -> str:
        return f"{self.approver}: {self.reason}"


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """The decision and what it rests on.

    Attributes:
        counted: the approvals that count; they are spent once a claim records their numbers.
        denied_by: who closed the gate.
        glass: the statement that broke it open, without approvals.
        needed: how many approvals are still missing.
    """

    answer: Answer
    counted: tuple[Approval, ...]
    discounted: tuple[Discounted, ...]
    needed: int
    denied_by: str | None = None
    glass: Approval | None = None

    @property
    def numbers(self) -> list[int]:
        """Numbers of the records that count, for the claim."""
        return [approval.number for approval in self.counted]


def may_open(
    gate: Gate,
    request: ApprovalRequest,
    approvals: Sequence[Approval],
    now: datetime,
    spent: Collection[str] = (),
    *,
    waited_until: datetime | None = None,
) -> GateVerdict:
    """Whether the gate opens for that request.

    Args:
        approvals: verified ones, in the order of the ledger.
        now: aware; expiry is judged by it.
        spent: nonces that earlier claims used.
        waited_until: where the wait is, by a clock that nobody sets; the timeout is judged by it.
            `now` unless given.
    """
    at = waited_until or now
    counted: list[Approval] = []
    discounted: list[Discounted] = []
    denial: str | None = None
    glass: Approval | None = None
    ends = request.requested_at + gate.timeout
    for approval in approvals:
        reason = discount(approval, request, counted, now, spent)
        # What is read now was recorded by now, whatever the clock said that dated it.
        if not reason and min(approval.recorded, at) > ends:
            reason = Reason.LATE
        if reason:
            discounted.append(Discounted(approval.statement.approver, reason))
        elif approval.statement.decision is Decision.DENY:
            denial = denial or approval.statement.approver
        elif approval.statement.decision is Decision.BREAK_GLASS:
            glass = glass or approval
        else:
            counted.append(approval)
    needed = max(0, gate.approvals - len(counted))
    if needed and glass:
        counted, needed = [*counted, glass], 0
    else:
        glass = None
    answer = _answer(denied=denial is not None, needed=needed, late=at > ends)
    return GateVerdict(answer, tuple(counted), tuple(discounted), needed, denial, glass)


def _answer(*, denied: bool, needed: int, late: bool) -> Answer:
    if denied:
        return Answer.DENIED
    if late and needed:
        return Answer.TIMED_OUT
    return Answer.WAITING if needed else Answer.OPEN


def discount(
    approval: Approval,
    request: ApprovalRequest,
    counted: Sequence[Approval],
    now: datetime,
    spent: Collection[str] = (),
) -> Reason | None:
    """Why that approval does not count; None where it does.

    A requester or author may deny their own release. A denial ends the request for good: it counts
    until the request is over, even where its expiry passed meanwhile.
    """
    statement = approval.statement
    foreign = _foreign(approval, request)
    if foreign:
        return foreign
    if statement.nonce in spent:
        return Reason.SPENT
    if statement.decision is Decision.DENY:
        is_older = statement.expires + TOLERANCE < request.requested_at
        return Reason.EXPIRED if is_older else None
    if statement.expires + TOLERANCE <= now:
        return Reason.EXPIRED
    if statement.expires > now + LONGEST_VALIDITY + TOLERANCE:
        return Reason.TOO_LONG
    if statement.decision is Decision.BREAK_GLASS:
        return None  # whoever has that role breaks it alone, for their own release too
    return _own(approval, request) or _repeated(approval, counted)


def _foreign(approval: Approval, request: ApprovalRequest) -> Reason | None:
    statement = approval.statement
    if (statement.app, statement.environment) != (request.app, request.environment):
        return Reason.ENVIRONMENT
    if statement.candidate != request.candidate:
        return Reason.CANDIDATE
    return Reason.PLAN if statement.plan != request.plan_hash else None


def _own(approval: Approval, request: ApprovalRequest) -> Reason | None:
    people = {identity(name) for name in (*approval.principals, approval.statement.approver)}
    if identity(request.requested_by) in people:
        return Reason.REQUESTER
    if request.author and identity(request.author) in people:
        return Reason.AUTHOR
    return None


def _repeated(approval: Approval, counted: Sequence[Approval]) -> Reason | None:
    for other in counted:
        same_key = other.fingerprint == approval.fingerprint
        if same_key or other.principals & approval.principals:
            return Reason.REPEATED
    return None


def identity(name: str) -> str:
    """One spelling for one person: the address of `Name <address>`, in lower case."""
    _, bracket, address = name.rpartition("<")
    return (address.rstrip("> ") if bracket else name).strip().casefold()


def require_open(verdict: GateVerdict, gate: Gate, request: ApprovalRequest) -> None:
    """Return where the gate is open.

    Raises:
        ApprovalRefused: it was denied, or still waits.
        ApprovalTimeout: nobody opened it in time.
    """
    what = f"{short_digest(request.candidate)} in {request.app}/{request.environment}"
    evidence = tuple(str(item) for item in verdict.discounted)
    step = (
        f"slipway approve {request.candidate} --app {request.app} "
        f"--environment {request.environment} --plan {request.plan_hash} --key KEY"
    )
    if verdict.answer is Answer.DENIED:
        raise ApprovalRefused(
            f"the gate for {what} was closed",
            found=f"denied by {verdict.denied_by}",
            evidence=evidence,
            next_step="talk to them; a new release needs a new request",
        )
    if verdict.answer is Answer.TIMED_OUT:
        raise ApprovalTimeout(
            f"nobody opened the gate for {what} in time",
            found=f"{len(verdict.counted)} of {gate.approvals} approvals",
            allowed=f"within {format_duration(gate.timeout)}",
            evidence=evidence,
            next_step=f"start the release again, then: {step}",
        )
    if verdict.answer is Answer.WAITING:
        raise ApprovalRefused(
            f"the gate for {what} is closed",
            found=f"{len(verdict.counted)} of {gate.approvals} approvals",
            evidence=evidence,
            next_step=step,
        )
