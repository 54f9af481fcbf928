"""`slipway plan` and `slipway deploy`: one candidate into one environment."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from slipway.approval import Decision, Statement, sign_statement
from slipway.cli.options import Candidate, Environment, Json
from slipway.errors import BadInput
from slipway.explanations import printable
from slipway.gatekeeper import Gatekeeper, hand_in
from slipway.plan import Plan
from slipway.quantities import parse_duration
from slipway.terminal import emit_json, err, out, table

GLASS_COUNTS = timedelta(minutes=15)


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


@dataclass(frozen=True, slots=True)
class Hammer:
    """What breaks the glass of a gate.

    Attributes:
        key: SSH key of somebody who is enrolled for that, under the name `who`.
    """

    reason: str
    key: Path
    who: str


async def wait_at_gate(
    keeper: Gatekeeper, note: Callable[[str], None], plan: Plan, hammer: Hammer | None = None
) -> list[int]:
    """Wait until the gate opens, and say how it is opened; see Gatekeeper."""
    if hammer and keeper.strict().approvals:
        break_glass(keeper, plan, hammer)
    elif keeper.gate.approvals:
        target = plan.spec.target
        note(
            f"the gate waits; somebody else: slipway approve {plan.candidate} --app {target.app} "
            f"--environment {target.environment} --plan {plan.hash} --key KEY"
        )
    return await keeper(plan)


def break_glass(keeper: Gatekeeper, plan: Plan, hammer: Hammer) -> None:
    """Sign for this plan, and say so where nobody overlooks it.

    Raises:
        Refused: the key is not enrolled for that.
    """
    request = keeper.request(plan)
    statement = Statement(
        candidate=plan.candidate,
        app=request.app,
        environment=request.environment,
        plan=plan.hash,
        decision=Decision.BREAK_GLASS,
        approver=hammer.who,
        expires=keeper.ledger.clock() + GLASS_COUNTS,
        reason=hammer.reason,
    )
    record = hand_in(keeper.ledger, sign_statement(statement, hammer.key), keeper.signers)
    err().print(
        f"[bold red]GLASS BROKEN[/] at the gate of {plan.spec.target} by {escape(hammer.who)}: "
        f"{escape(printable(hammer.reason))} (record {record.number}); somebody else, afterwards: "
        f"slipway approve {plan.candidate} --app {request.app} --environment "
        f"{request.environment} --plan {plan.hash} --key KEY",
        soft_wrap=True,
    )


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
    wait: Annotated[
        str, typer.Option(help="Wait in line so long where others hold it, as in 10m.")
    ] = "0s",
    break_glass: Annotated[
        str | None,
        typer.Option(help="Go past the gate without approvals, for this reason; see --glass-key."),
    ] = None,
    glass_key: Annotated[
        Path | None, typer.Option(help="SSH key that is enrolled to break this gate's glass.")
    ] = None,
    glass_name: Annotated[
        str | None, typer.Option(help="Principal of that key. Default: SLIPWAY_ACTOR.")
    ] = None,
    json: Json = False,
) -> None:
    """Deploy a candidate; on any failure the last good release serves again."""
    from blocks.compose import Door, Installation
    from slipway.cli.running import print_result, run_engine
    from slipway.execution import Result
    from slipway.release import parse_target

    seconds = parse_duration(wait).total_seconds()
    installation = Installation()
    found = installation.candidate(candidate)
    target = parse_target(found.app, environment)
    hammer = _hammer(break_glass, glass_key, glass_name or installation.settings.actor)

    async def act(door: Door) -> Result:
        who = requested_by or installation.settings.actor
        release = installation.release(found, environment, who, door)
        gate = partial(wait_at_gate, release.gatekeeper, door.note, hammer=hammer)
        order = release.order(key=key, again=again, allow_downgrade=allow_downgrade)
        return await release.engine(gate).deploy(order, seconds)

    started = time.monotonic()
    result = run_engine(target, act, quiet=json)
    if result:
        print_result(result, time.monotonic() - started, as_json=json)


def _hammer(reason: str | None, key: Path | None, who: str) -> Hammer | None:
    if reason is None and key is None:
        return None
    if reason is None or key is None:
        raise BadInput(
            "a gate's glass is broken with a reason and a key",
            found="--glass-key alone" if key else "--break-glass alone",
            allowed="--break-glass REASON --glass-key KEY",
            next_step="see docs/approvals.md, Breaking the glass",
        )
    return Hammer(reason, key, who)
