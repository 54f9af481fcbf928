"""What to do with a claim whose holder died: a pure decision on the chain.

verified already          FINISH   retire, close
rollback                  RESUME   go on to its target, never forward to the bad release
deploy or drill           RESTORE  return to what served before
"""

from enum import StrEnum

from slipway.claim import Goal, OpenClaim, open_claim
from slipway.errors import SlipwayError
from slipway.history import Outcome, serving_release
from slipway.ledger import Kind, Record
from slipway.platform import Platform, Stage


class NextAction(StrEnum):
    """How recovery goes on."""

    FINISH = "finish"
    RESUME = "resume"
    RESTORE = "restore"


def next_action(claim: OpenClaim, records: list[Record]) -> NextAction:
    """What recovery does next with an open claim."""
    since = records[claim.opened :]
    failed = any(record.kind is Kind.FAILED for record in since)
    verified = any(record.kind is Kind.VERIFIED for record in since)
    if claim.goal is Goal.DRILL:
        return NextAction.RESTORE
    if verified:
        return NextAction.FINISH
    if claim.goal is Goal.ROLLBACK and not failed:
        return NextAction.RESUME
    return NextAction.RESTORE


def is_untouched(platform: Platform, claim: OpenClaim, records: list[Record]) -> bool:
    """Whether what served before the claim still runs as it did; what cannot be told is no.

    A claim that it outranked may have changed the target, whatever this one did.
    """
    earlier = records[: claim.opened - 1]
    before = serving_release(earlier)
    if before is None or open_claim(earlier):
        return False
    if not has_acted(claim, records):
        return True
    try:
        found = platform.observe(before.spec.target)
        return dict(found.fields) == platform.render(before.spec)
    except SlipwayError:
        return False


def has_acted(claim: OpenClaim, records: list[Record]) -> bool:
    """Whether a holder of the claim began more than shutting older ones out."""
    return any(
        record.kind is Kind.INTENT and record.body["stage"] != Stage.CLAIM
        for record in records[claim.opened :]
    )


def last_verified(claim: OpenClaim, records: list[Record]) -> Record:
    """The newest verified record since the claim was opened."""
    since = records[claim.opened :]
    return [record for record in since if record.kind is Kind.VERIFIED][-1]


def finished_outcome(claim: OpenClaim, verified: Record) -> Outcome:
    """The outcome that a dead holder would have written after its verified record."""
    if verified.body["spec"] != claim.body["spec"]:
        return Outcome.RESTORED
    return Outcome.ROLLED_BACK if claim.goal is Goal.ROLLBACK else Outcome.RELEASED
