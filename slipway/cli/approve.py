"""`slipway approve`: a signed decision on exactly one plan."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from slipway.approval import Decision, Statement, sign_statement
from slipway.cli.chains import known_target, open_ledger, open_store
from slipway.cli.options import Json
from slipway.errors import BadInput
from slipway.explanations import printable
from slipway.gatekeeper import hand_in, last_request
from slipway.ledger import utc_now
from slipway.settings import RuntimeSettings
from slipway.terminal import emit_json, err, out


def approve(
    candidate: Annotated[str, typer.Argument(help="Digest or reference of the candidate.")],
    app: Annotated[str, typer.Option(help="Name of the app.")],
    environment: Annotated[str, typer.Option(help="Name of the environment.")],
    plan: Annotated[str, typer.Option(help="Hash of the plan, as the gate shows it.")],
    key: Annotated[
        Path, typer.Option(help="SSH key: a private key, or a public one of the agent.")
    ],
    approver: Annotated[
        str | None, typer.Option(help="Principal in the allowed-signers file. Default: the actor.")
    ] = None,
    deny: Annotated[bool, typer.Option("--deny", help="Close the gate instead.")] = False,
    break_glass: Annotated[
        str | None, typer.Option(help="Open the gate alone, for this reason; needs that role.")
    ] = None,
    valid: Annotated[int, typer.Option(min=1, max=1440, help="Minutes that it counts.")] = 60,
    only_print: Annotated[
        bool, typer.Option("--print", help="Do not hand it in; paste it into the Prefect form.")
    ] = False,
    json: Json = False,
) -> None:
    """Sign a decision with an SSH key and hand it in."""
    settings = RuntimeSettings()
    now = utc_now() if only_print else _now(settings)
    statement = Statement(
        candidate=candidate,
        app=app,
        environment=environment,
        plan=plan,
        decision=_decision(break_glass, deny=deny),
        approver=approver or settings.actor,
        expires=now + timedelta(minutes=valid),
        reason=break_glass,
    )
    if not only_print:
        _show_request(settings, statement)
    text = sign_statement(statement, key)
    record = None if only_print else _hand_in(settings, statement, text)
    if json:
        emit_json({"approval": text, "record": record})
        return
    out().print(text)
    if record:
        err().print(f"recorded as {record} in the ledger of {app}/{environment}")


def _decision(break_glass: str | None, *, deny: bool) -> Decision:
    if break_glass is None:
        return Decision.DENY if deny else Decision.APPROVE
    if deny:
        raise BadInput("a gate is either closed or broken", allowed="--deny or --break-glass")
    return Decision.BREAK_GLASS


def _now(settings: RuntimeSettings) -> datetime:
    """By the ledger's clock, which the gate goes by, whatever this machine's says."""
    return open_store(settings).now()


def _show_request(settings: RuntimeSettings, statement: Statement) -> None:
    """What is about to be signed, in the words of the ledger."""
    target = known_target(settings, statement.app, statement.environment)
    request = last_request(open_ledger(settings, target).records(), statement.plan)
    if request is None:
        raise BadInput(
            f"no gate of {target} waits for this plan",
            found=statement.plan,
            allowed="the plan of a release that waits",
            next_step=f"slipway status {target.app} {target.environment}",
        )
    err().print(f"{statement.decision} {request.requested_by}'s release to {target}, which changes")
    for change in request.changes:
        err().print(f"  {escape(printable(change))}")


def _hand_in(settings: RuntimeSettings, statement: Statement, text: str) -> int:
    target = known_target(settings, statement.app, statement.environment)
    ledger = open_ledger(settings, target)
    return hand_in(ledger, text, settings.allowed_signers_file).number
