"""Carrying out one claim that leads back: a rollback, a drill, a recovery."""

import time
from functools import partial

from slipway.errors import Refused, Superseded, WayBackMissing
from slipway.execution import Execution, Result
from slipway.explanations import explain
from slipway.history import GoodRelease, Outcome
from slipway.journal import fence_step
from slipway.ledger import Kind
from slipway.recovery import (
    NextAction,
    finished_outcome,
    is_untouched,
    last_verified,
    next_action,
)


async def fence(execution: Execution) -> None:
    """Shut out older holders of the target."""
    fence = partial(execution.tools.platform.fence, execution.target, execution.claim.token)
    await execution.take([fence_step(fence)])


async def roll_back(execution: Execution, goal: GoodRelease) -> Result:
    """Reach a good release and close: the release that was left is quarantined.

    Raises:
        Refused, ReleaseFailed, RestoreFailed, Superseded: see `turn_back`.
    """
    try:
        await fence(execution)
        verified = await execution.reach(goal)
    except Superseded:
        raise
    except Exception as error:  # noqa: BLE001 - an older good release is tried
        return await turn_back(execution, error)
    if candidate := execution.claim.body.get("leaving_candidate"):
        execution.quarantine(candidate, f"rolled back: {execution.claim.body['reason']}")
    return await execution.finish(Outcome.ROLLED_BACK, verified, rolled_back=left_by(execution))


async def rehearse(
    execution: Execution,
    older: GoodRelease,
    origin: GoodRelease | None,
    budget_millis: int,
) -> Result:
    """Reach the older release, come back, and record how long each took.

    Raises:
        Refused, ReleaseFailed, RestoreFailed, Superseded: see `turn_back`.
    """
    started = time.monotonic()
    try:
        await fence(execution)
        await execution.reach(older)
        restored_millis = _millis_since(started)
        verified = await execution.reach(origin or older)
    except Superseded:
        raise
    except Exception as error:  # noqa: BLE001 - a drill ends on the original
        return await turn_back(execution, error)
    body = {
        "from": origin.spec.id if origin else None,
        "to": older.spec.id,
        "restore_millis": restored_millis,
        "total_millis": _millis_since(started),
        "budget_millis": budget_millis,
        "within_budget": restored_millis <= budget_millis,
    }
    execution.journal.record(Kind.DRILL, body)
    return await execution.finish(Outcome.DRILLED, verified)


async def go_on(execution: Execution) -> Result:
    """Finish, resume or restore what another holder began.

    Raises:
        RestoreFailed, Superseded: see `Execution.restore`.
    """
    records = execution.tools.ledger.records()
    action = next_action(execution.claim, records)
    execution.tools.note(f"recovery of claim {execution.claim.opened}: {action}")
    if action is NextAction.FINISH:
        verified = last_verified(execution.claim, records)
        outcome = finished_outcome(execution.claim, verified)
        return await execution.finish(outcome, verified, rolled_back=left_by(execution))
    if action is NextAction.RESUME:
        body = execution.claim.body
        goal = GoodRelease(
            record=execution.claim.opened,
            time="",
            candidate=body["candidate"],
            spec=execution.wanted,
        )
        return await roll_back(execution, goal)
    return await execution.go_back()


def left_by(execution: Execution) -> list[str]:
    """Spec id of the release that a rollback leaves; none for any other claim. Pure."""
    leaving = execution.claim.body.get("leaving")
    return [leaving] if leaving else []


async def turn_back(execution: Execution, error: Exception) -> Result:
    """After a rollback or a drill failed; one that was refused its first act leaves no claim.

    Where only its own target is lost, an older release may still be reached.

    Raises:
        Refused: the target still is as the last closed claim left it.
        ReleaseFailed, RestoreFailed, Superseded: see `Execution.restore`.
    """
    claim, records = execution.claim, execution.tools.ledger.records()
    if not isinstance(error, Refused) or isinstance(error, WayBackMissing):
        return await execution.restore(error)
    if is_untouched(execution.tools.platform, claim, records):
        await close_refused(execution, claim.body["previous"], error)
        raise error
    return await execution.restore(error)


async def close_refused(execution: Execution, still: str | None, refusal: Refused) -> None:
    """End with nothing changed.

    Args:
        still: spec id that serves on.
    """
    explanation = explain(refusal, str(execution.stage), execution.target)
    await execution.finish(Outcome.REFUSED, None, explanation, still_serving=still)


def _millis_since(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
