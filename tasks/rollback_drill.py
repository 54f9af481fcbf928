"""One drill of one target, and its trend."""

from datetime import datetime
from functools import partial

from prefect.context import FlowRunContext

from blocks.compose import Installation
from slipway.candidate import environment_of
from slipway.drill import SlotTaken, refuse_slow, skip_reason
from slipway.errors import Busy, SlipwayError
from slipway.history import serving_release
from slipway.ledger import LedgerStore, utc_now
from slipway.names import check_name
from slipway.quantities import millis
from slipway.release import Target
from tasks.artifacts import publish_drills
from tasks.door import open_door
from tasks.notes import note
from tasks.runs import tag_run
from tasks.steps import perform


def drilled_targets(store: LedgerStore, environment: str, app: str | None) -> list[Target]:
    """Targets of that environment that have a chain."""
    check_name(environment)
    found = [target for target in store.targets() if target.environment == environment]
    return [target for target in found if app in (None, target.app)]


def slot_of_run() -> datetime | None:
    """When the schedule wanted this run; None where a person started it."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return run.expected_start_time if run and run.auto_scheduled else None


async def drill_each(
    installation: Installation, targets: list[Target], requested_by: str, slot: datetime | None
) -> list[str]:
    """One line for each target. A failed drill hides no other: the first error is raised last."""
    lines: list[str] = []
    errors: list[SlipwayError] = []
    for target in targets:
        try:
            lines.append(await drill_target(installation, target, requested_by, slot))
        except SlipwayError as error:
            note(f"the drill of {target} failed: {error}")
            errors.append(error)
    if errors:
        raise errors[0]
    return lines


async def drill_target(
    installation: Installation, target: Target, requested_by: str, slot: datetime | None
) -> str:
    """One line that says how the drill went.

    Raises:
        DeadlineExceeded: it took longer than the budget; the original serves.
        SlipwayError: as `Engine.drill`.
    """
    ledger = installation.ledger(target)
    if reason := skip_reason(ledger.records(), slot, utc_now()):
        return _skipped(target, reason)
    await tag_run(target)
    budget = await perform("budget read", partial(_budget_millis, installation, target))
    try:
        async with open_door(installation, target) as door:
            await installation.engine(target, door).drill(requested_by, budget, slot)
    except (SlotTaken, Busy) as error:  # another run was faster
        return _skipped(target, error.message)
    records = ledger.records()
    await publish_drills(target, records)
    refuse_slow(records, target)
    return f"{target}: drilled"


def _skipped(target: Target, reason: str) -> str:
    note(f"no drill of {target}: {reason}")
    return f"{target}: skipped, {reason}"


def _budget_millis(installation: Installation, target: Target) -> int:
    serving = serving_release(installation.ledger(target).records())
    if serving is None:
        return 0
    appfile = installation.candidate(serving.candidate).appfile
    return millis(environment_of(appfile, target.environment).drill.budget)
