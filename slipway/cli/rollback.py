"""`slipway rollback` and `slipway recover`: the ledger and the target are all they need."""

import time
from typing import Annotated

import typer

from slipway.claim import open_claim
from slipway.cli.chains import chosen_targets, known_target
from slipway.cli.options import App, Environment, Json, OneApp, OneEnvironment
from slipway.release import Target
from slipway.terminal import emit_json, out


def rollback(
    app: App,
    environment: Environment,
    to: Annotated[
        str | None, typer.Option(help="Another verified candidate, by reference or digest.")
    ] = None,
    reason: Annotated[str, typer.Option(help="For the record.")] = "asked on the command line",
    requested_by: Annotated[str | None, typer.Option(help="Default: SLIPWAY_ACTOR.")] = None,
    accept_forward_only: Annotated[
        bool,
        typer.Option(
            "--accept-forward-only", help="Go back over a release that is forward only; recorded."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Return to the last verified good release. Needs neither Prefect nor the registry."""
    from blocks.compose import Door, Installation
    from slipway.cli.running import print_result, run_engine
    from slipway.execution import Result

    installation = Installation()
    target = known_target(installation.settings, app, environment)
    who = requested_by or installation.settings.actor

    async def act(door: Door) -> Result:
        return await installation.engine(target, door).rollback(
            who, reason, to, accept_forward_only=accept_forward_only
        )

    started = time.monotonic()
    result = run_engine(target, act, quiet=json)
    if result:
        print_result(result, time.monotonic() - started, as_json=json)


def recover(
    app: OneApp = None,
    environment: OneEnvironment = None,
    json: Json = False,
) -> None:
    """Finish or restore what a dead release left open. Run twice, it does nothing more."""
    from blocks.compose import Door, Installation
    from slipway.cli.running import print_result, run_engine
    from slipway.execution import Result

    installation = Installation()
    targets = chosen_targets(installation.settings, app, environment)
    held = [t for t in targets if open_claim(installation.ledger(t).records())]
    for target in held:

        async def act(door: Door, target: Target = target) -> Result | None:
            return await installation.engine(target, door).recover()

        started = time.monotonic()
        result = run_engine(target, act, quiet=json)
        if result:
            print_result(result, time.monotonic() - started, as_json=json)
    if not held:
        emit_json([]) if json else out().print("nothing to recover: no release is open")
