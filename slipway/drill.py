"""Rollback drills: when one skips itself, and whether it kept its budget. Pure.

A drill that a schedule asked for carries its slot in its claim, so one slot is drilled once,
however often the schedule fires.
"""

from datetime import datetime, timedelta

from slipway.claim import Goal, open_claim
from slipway.errors import DeadlineExceeded, Final
from slipway.history import forward_only_since, good_releases, rollback_target
from slipway.ledger import Kind, Record, timestamp
from slipway.names import parse_reference
from slipway.opening import refuse_busy
from slipway.release import Target

SLOT = timedelta(minutes=30)
ENOUGH = 2


class SlotTaken(Final):
    """Another run drilled the same slot."""


def skip_reason(records: list[Record], slot: datetime | None, now: datetime) -> str | None:
    """Why a drill leaves the environment alone; None where it may go on.

    Args:
        slot: when the schedule wanted it; None where a person started it.
    """
    if slot and now - slot > SLOT:
        late = int((now - slot).total_seconds() // 60)
        return f"its slot was {late} minutes ago; missed drills are not made up for"
    if taken := drill_of(records, slot):
        return f"its slot was drilled by claim {taken.number}"
    if claim := open_claim(records):
        return f"{claim.goal} {claim.token} holds the environment"
    if len(good_releases(records)) < ENOUGH:
        return "there is no older verified release to go back to"
    if over := forward_only_since(records, rollback_target(records).record):
        released = parse_reference(over[-1]).short
        return f"the way back leads over {released}, which is forward only"
    return None


def drill_of(records: list[Record], slot: datetime | None) -> Record | None:
    """The claim of the drill that this slot had, or None."""
    wanted = timestamp(slot) if slot else None
    for record in records:
        if wanted and record.kind is Kind.CLAIM and record.body.get("slot") == wanted:
            return record
    return None


def refuse_drill(slot: datetime | None, records: list[Record]) -> None:
    """Refuse a drill's claim where its slot had one, or somebody holds the environment.

    Raises:
        SlotTaken, Busy: why it may not be opened.
    """
    if taken := drill_of(records, slot):
        raise SlotTaken(f"its slot was drilled by claim {taken.number}")
    refuse_busy(Goal.DRILL, records)


def refuse_slow(records: list[Record], target: Target) -> None:
    """Raises DeadlineExceeded where the newest drill took longer than its budget."""
    drills = [record.body for record in records if record.kind is Kind.DRILL]
    if not drills or drills[-1]["within_budget"]:
        return
    measured, budget = drills[-1]["restore_millis"], drills[-1]["budget_millis"]
    raise DeadlineExceeded(
        f"the rollback drill of {target} took longer than its budget",
        found=f"{measured} ms to restore; the original serves again",
        allowed=f"{budget} ms",
        next_step=f"see what slowed it down: slipway history {target.app} {target.environment}",
    )
