"""Broken glass: a release that a person let in alone, past the gate, and who approved it since.

The glass of an environment's gate is broken by a signature of somebody enrolled for that. It opens
the gate and nothing else; until others approve what serves, or something approved serves instead,
the target counts as drifted.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from slipway.approval import Approval, Decision
from slipway.claim import Goal
from slipway.errors import SlipwayError
from slipway.gate import discount
from slipway.gatekeeper import last_request, recorded_approvals
from slipway.history import Outcome, serving_release
from slipway.ledger import Kind, Record
from slipway.release import Frozen


class Glass(Frozen):
    """Who broke it and why.

    Attributes:
        record: of the signed statement.
        claim: of the release that it let in.
        plan: hash of what it let in; who approves it afterwards signs this plan.
    """

    by: str
    reason: str
    record: int
    claim: int
    candidate: str
    plan: str

    def __str__(self) -> str:
        return f"glass broken by {self.by}: {self.reason}"


def glass_of(claim: Record, records: Sequence[Record]) -> Glass | None:
    """The glass that a claim's release came in by; None where its gate was opened by approvals."""
    for number in claim.body.get("approvals", []):
        said = records[number - 1].body
        if said.get("decision") == Decision.BREAK_GLASS:
            return Glass(
                by=said["approver"],
                reason=said["reason"],
                record=number,
                claim=claim.number,
                candidate=claim.body["candidate"],
                plan=claim.body["plan_hash"],
            )
    return None


def serving_by_glass(records: list[Record]) -> Glass | None:
    """The glass that what serves came in by, whether it was approved since or not."""
    serving = serving_release(records)
    came_in: Record | None = None
    opened: Record | None = None
    for record in records:
        if record.kind is Kind.CLAIM:
            opened = record if record.body.get("goal") == Goal.DEPLOY else None
        elif record.kind is Kind.CLOSED and opened and serving:
            is_it = record.body.get("outcome") == Outcome.RELEASED
            came_in = opened if is_it and record.body.get("serving") == serving.spec.id else came_in
    return glass_of(came_in, records) if came_in else None


def open_glass(records: list[Record], signers: Path, now: datetime) -> Glass | None:
    """The glass that still wants an approval after the fact; None where nothing does.

    Signatures are verified again. Where that is not possible, the glass counts as open.
    """
    glass = serving_by_glass(records)
    if glass is None:
        return None
    try:
        approvals, _ = recorded_approvals(records, signers, now)
    except SlipwayError:
        return glass
    return None if is_approved(glass, records, approvals) else glass


def is_approved(glass: Glass, records: Sequence[Record], approvals: Sequence[Approval]) -> bool:
    """Whether as many others approved the plan since as its gate asks for; pure.

    Args:
        approvals: verified ones. Neither who broke the glass nor who requested the release counts.
    """
    request = last_request(records[: glass.claim], glass.plan)
    broke = [one for one in approvals if one.number == glass.record]
    if request is None or not broke:
        return False
    counted: list[Approval] = [*broke]
    for one in approvals:
        is_later = one.number > glass.claim and one.statement.decision is Decision.APPROVE
        if is_later and discount(one, request, counted, one.recorded) is None:
            counted.append(one)
    return len(counted) - len(broke) >= max(1, request.gate)
