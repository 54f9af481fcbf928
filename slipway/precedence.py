"""Which of two candidates is the older one, and whether an older one may come in. Pure.

A candidate holds no time. Its signed provenance says when its build began, and a chain says what
was released when; both are asked, and where neither tells, the order counts as unknown.
"""

from collections.abc import Callable, Iterable

from slipway.claim import Goal
from slipway.errors import CandidateStale, ForwardOnly
from slipway.history import Outcome, forward_only_since, serving_release
from slipway.ledger import Kind, Record
from slipway.names import parse_reference
from slipway.opening import Order

UNKNOWN = "nothing signed says which of the two was built first"


def built_of(records: Iterable[Record], candidate: str) -> str | None:
    """When the candidate's build began, as its newest claim recorded it; RFC 3339."""
    told = [
        record.body.get("built")
        for record in records
        if record.kind is Kind.CLAIM and record.body.get("candidate") == candidate
    ]
    return next((str(moment) for moment in reversed(told) if moment), None)


def released_by(records: Iterable[Record]) -> dict[str, int]:
    """Candidate to the number of the newest claim that released it here."""
    released: dict[str, int] = {}
    claim: Record | None = None
    for record in records:
        if record.kind is Kind.CLAIM:
            claim = record
        elif record.kind is Kind.CLOSED and claim:
            if record.body.get("outcome") == Outcome.RELEASED and claim.body["goal"] == Goal.DEPLOY:
                released[claim.body["candidate"]] = claim.number
            claim = None
    return released


def why_older(
    candidate: str,
    built: str | None,
    records: list[Record],
    look_up: Callable[[str], str | None] = lambda reference: None,
) -> str | None:
    """Why the candidate counts as older than what serves; None where it is newer or the same.

    Args:
        built: when its signed build began, RFC 3339 in UTC, if anything says so.
        look_up: the same of what serves, where its claim does not say.
    """
    serving = serving_release(records)
    if serving is None or serving.candidate == candidate:
        return None
    released = released_by(records)
    mine, other = released.get(candidate, 0), released.get(serving.candidate, 0)
    if 0 < mine < other:
        return f"it was released here by claim {mine}, and what serves after it by claim {other}"
    other_built = built_of(records, serving.candidate) or look_up(serving.candidate)
    if built and other_built:
        older = built < other_built
        return (
            f"its build began at {built}, that of what serves at {other_built}" if older else None
        )
    return None if mine > other else UNKNOWN


def refuse_older(order: Order, why: str | None, records: list[Record]) -> list[str]:
    """Facts about the order of candidates.

    Raises:
        CandidateStale: the candidate is older, and the order does not allow that.
        ForwardOnly: it does, and a forward-only release was verified since.
    """
    if why is None:
        return ["not older than what serves"]
    if order.allow_downgrade:
        _refuse_over_forward_only(order, records)
        return [f"downgrade allowed by {order.requested_by}: {why}"]
    target, serving = order.spec.target, serving_release(records)
    raise CandidateStale(
        f"candidate {_short(order.candidate)} is older than what serves in {target}: {why}",
        found=f"{_short(serving.candidate)} serves" if serving else None,
        allowed="a candidate built after it, or this one with --allow-downgrade, which is recorded",
        next_step="nothing to do where an old trigger came late; "
        f"to go back: slipway rollback {target.app} {target.environment}",
    )


def _refuse_over_forward_only(order: Order, records: list[Record]) -> None:
    """A downgrade is a way back like a rollback, but only a rollback may be forced over data."""
    own = [r.number for r in records if _verified(r) and r.body["candidate"] == order.candidate]
    over = forward_only_since(records, own[-1] if own else 0)
    if not over:
        return
    target, released = order.spec.target, _short(over[-1])
    raise ForwardOnly(
        f"the downgrade of {target} leads over {released}, which is forward only",
        found=f"`migration: forward-only` in the app file of {released}",
        allowed="a newer candidate",
        next_step=f"where it was verified there before: slipway rollback {target.app} "
        f"{target.environment} --to {order.candidate} --accept-forward-only",
    )


def _verified(record: Record) -> bool:
    return record.kind is Kind.VERIFIED


def _short(candidate: str) -> str:
    return parse_reference(candidate).short
