"""`slipway plan` and `slipway deploy`: one candidate into one environment."""

import time
from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer
from rich.markup import escape

from slipway.cli.options import Candidate, Environment, Json
from slipway.gatekeeper import Gatekeeper
from slipway.plan import Plan
from slipway.terminal import emit_json, out, table


def plan(candidate: Candidate, environment: Environment, json: Json = False) -> None:
    """Show what a deploy would change. Changes nothing; secrets show as versions."""
    from blocks.compose import Installation

    installation = Installation()
    release = installation.release(
        installation.candidate(candidate), environment, installation.settings.actor
    )
    found = release.engine().plan(release.order())
    if json:
        emit_json({**found.model_dump(mode="json", exclude={"spec"}), "is_empty": found.is_empty})
    else:
        _print_plan(found)


def _print_plan(found: Plan) -> None:
    target = found.spec.target
    if found.is_empty:
        out().print(f"{target}: nothing would change")
        return
    rows = [(c.field, c.before or "(absent)", c.after or "(absent)") for c in found.changes]
    out().print(table(str(target), ["field", "now", "then"], rows))
    out().print(escape(f"plan {found.hash}"))


async def wait_at_gate(keeper: Gatekeeper, note: Callable[[str], None], plan: Plan) -> list[int]:
    """Wait until the gate opens, and say how it is opened; see Gatekeeper."""
    if keeper.gate.approvals:
        target = plan.spec.target
        note(
            f"the gate waits; somebody else: slipway approve {plan.candidate} --app {target.app} "
            f"--environment {target.environment} --plan {plan.hash} --key KEY"
        )
    return await keeper(plan)


def deploy(
    candidate: Candidate,
    environment: Environment,
    requested_by: Annotated[
        str | None, typer.Option(help="Who asks; approves nothing of it. Default: SLIPWAY_ACTOR.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key of the trigger.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Deploy a quarantined candidate; recorded.")
    ] = False,
    allow_downgrade: Annotated[
        bool,
        typer.Option("--allow-downgrade", help="Deploy one older than what serves; recorded."),
    ] = False,
    json: Json = False,
) -> None:
    """Deploy a candidate; on any failure the last good release serves again."""
    from blocks.compose import Door, Installation
    from slipway.cli.running import print_result, run_engine
    from slipway.execution import Result
    from slipway.release import parse_target

    installation = Installation()
    found = installation.candidate(candidate)
    target = parse_target(found.app, environment)

    async def act(door: Door) -> Result:
        who = requested_by or installation.settings.actor
        release = installation.release(found, environment, who, door)
        gate = partial(wait_at_gate, release.gatekeeper, door.note)
        order = release.order(key=key, again=again, allow_downgrade=allow_downgrade)
        return await release.engine(gate).deploy(order)

    started = time.monotonic()
    result = run_engine(target, act, quiet=json)
    if result:
        print_result(result, time.monotonic() - started, as_json=json)
