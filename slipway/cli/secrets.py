"""`slipway secrets`: check, set, rotate and compare runtime secrets. No command shows a value."""

import time
from functools import partial
from typing import Annotated

import typer
from rich.markup import escape

from slipway.cli.chains import chosen_targets, known_target
from slipway.cli.options import App, Environment, Json
from slipway.cli.secrets_input import FEWEST_BYTES, MOST_BYTES, new_value
from slipway.cli.secrets_migrate import migrate
from slipway.cli.secrets_subject import Subjected, served_schema, subject_of
from slipway.errors import BadInput
from slipway.ledger import utc_now
from slipway.release import Target, parse_target
from slipway.secret_check import (
    Difference,
    SecretRow,
    difference_of_secrets,
    exit_code,
    hold_to_formats,
    judge_secrets,
    next_steps,
    pins_of,
)
from slipway.secret_rotation import (
    Move,
    Rotated,
    Rotation,
    check_new_value,
    refuse_in_use,
    refuse_undeclared,
    serving_candidate,
)
from slipway.terminal import emit_json, out, table

Generated = Annotated[
    int | None,
    typer.Option(
        min=FEWEST_BYTES,
        max=MOST_BYTES,
        metavar="BYTES",
        help="Make a random value of so many bytes, as URL-safe base64.",
    ),
]

secrets = typer.Typer(
    no_args_is_help=True,
    help="Check, store, rotate, compare and move runtime secrets; shows no value.",
)
secrets.add_typer(migrate, name="migrate")


@secrets.command()
def check(app: Subjected, environment: Environment, json: Json = False) -> None:
    """Hold the schema of the app file against the store. Exit code 4 or 3 where they differ."""
    from blocks.compose import Installation

    subject = subject_of(Installation(), app, environment)
    held = hold_to_formats(subject.store, subject.schema)
    rows = judge_secrets(subject.schema, held, pins_of(subject.records), utc_now())
    if json:
        emit_json([row.model_dump(mode="json") for row in rows])
    else:
        _print_rows(subject.target, rows)
    if code := exit_code(rows):
        raise typer.Exit(code)


def _print_rows(target: Target, rows: list[SecretRow]) -> None:
    columns = ["secret", "format", "owner", "version", "serves", "days", "at most", "found"]
    out().print(table(str(target), columns, [_cells(row) for row in rows]))
    for line in [line for row in rows for line in next_steps(row, target)]:
        out().print(escape(line))


def _cells(row: SecretRow) -> list[str]:
    days = ["" if one is None else str(one) for one in (row.age_days, row.maximum_age_days)]
    found = ", ".join(row.faults) or "well"
    serves = "the newest" if row.serving == row.version else row.serving
    texts = [row.format or "", row.owner or "", row.version or "none", serves or "none"]
    return [row.name, *texts, *days, found]


@secrets.command("set")
def set_first(
    app: Subjected,
    environment: Environment,
    name: Annotated[str, typer.Argument(help="Name of the secret, as in the app file.")],
    generate: Generated = None,
    json: Json = False,
) -> None:
    """Store the first value, from standard input, before the release that needs it."""
    from blocks.compose import Installation

    subject = subject_of(Installation(), app, environment)
    refuse_undeclared(name, subject.schema)
    refuse_in_use(name, pins_of(subject.records), subject.target)
    value = new_value(name, generate)
    check_new_value(name, subject.schema, value)
    version = subject.store.write(name, value)
    if json:
        emit_json({"name": name, "version": version})
    else:
        out().print(escape(f"{subject.target} {name}: version {version} is stored"))


@secrets.command()
def diff(
    app: App,
    one: Annotated[str, typer.Argument(metavar="ENVIRONMENT", help="One environment.")],
    other: Annotated[str, typer.Argument(metavar="ENVIRONMENT", help="Another one.")],
    json: Json = False,
) -> None:
    """Compare two environments by names and versions; values are not even read."""
    from blocks.compose import Installation

    installation = Installation()
    targets = [parse_target(app, environment) for environment in (one, other)]
    known = chosen_targets(installation.settings, app, None)
    if not set(targets) & set(known):
        known_target(installation.settings, app, one)
    first, second = (served_schema(installation, target) for target in targets)
    states = []
    for target in targets:
        store = installation.secrets(target)
        states.append([store.state(name) for name in store.names()])
    rows = difference_of_secrets({**second, **first}, *states)
    if json:
        emit_json([_as_json(row, one, other) for row in rows])
    else:
        columns = ["secret", "format", "owner", one, other]
        out().print(table(app, columns, [_difference_cells(row) for row in rows]))


def _as_json(row: Difference, one: str, other: str) -> dict[str, object]:
    return {
        **row.model_dump(mode="json", exclude={"versions"}),
        "versions": [
            {"environment": environment, "version": version}
            for environment, version in zip((one, other), row.versions, strict=True)
        ],
    }


def _difference_cells(row: Difference) -> list[str]:
    return [row.name, row.format or "", row.owner or "", *(one or "none" for one in row.versions)]


@secrets.command()
def rotate(
    app: App,
    environment: Environment,
    name: Annotated[str, typer.Argument(help="Name of the secret, as in the app file.")],
    generate: Generated = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Roll out the newest stored version; write nothing.")
    ] = False,
    requested_by: Annotated[
        str | None, typer.Option(help="Who asks; approves nothing of it. Default: SLIPWAY_ACTOR.")
    ] = None,
    json: Json = False,
) -> None:
    """Store a new value, from standard input, and release it through the gate; or go back."""
    from blocks.compose import Door, Installation
    from slipway.cli.deploy import wait_at_gate
    from slipway.cli.running import run_engine
    from slipway.execution import Result

    _refuse_both(generate, resume=resume)
    installation = Installation()
    target = known_target(installation.settings, app, environment)
    ledger = installation.ledger(target)
    candidate = installation.candidate(serving_candidate(ledger.records(), target))
    refuse_undeclared(name, candidate.appfile.secrets)
    value = None if resume else new_value(name, generate)
    if value:
        check_new_value(name, candidate.appfile.secrets, value)
    rotated: list[Rotated] = []

    async def act(door: Door) -> Result | None:
        who = requested_by or installation.settings.actor
        release = installation.release(candidate, environment, who, door)

        async def deploy() -> Result:
            gate = partial(wait_at_gate, release.gatekeeper, door.note)
            return await release.engine(gate).deploy(release.order())

        again = f"slipway secrets rotate {target.app} {target.environment} {name} --resume"
        rotation = Rotation(
            store=installation.secrets(target),
            name=name,
            records=ledger.records,
            deploy=deploy,
            note=door.note,
            resume=again,
            perform=door.perform,
        )
        rotated.append(await rotation.carry_out(value))
        return rotated[0].result

    started = time.monotonic()
    run_engine(target, act, quiet=json)
    _print_rotated(target, rotated[0], time.monotonic() - started, as_json=json)


def _refuse_both(generate: int | None, *, resume: bool) -> None:
    if generate and resume:
        raise BadInput(
            "there is nothing to generate for a rotation that is resumed",
            found="--generate and --resume",
            allowed="one of them",
        )


def _print_rotated(target: Target, done: Rotated, seconds: float, *, as_json: bool) -> None:
    if as_json:
        emit_json({**done.model_dump(mode="json"), "seconds": round(seconds, 3)})
        return
    if done.move is Move.NOTHING:
        out().print(escape(f"{target} {done.name}: version {done.version} serves already"))
        return
    line = f"{target} {done.name}: version {done.version} serves and is verified"
    out().print(f"{escape(line)} [dim]({seconds:.1f} s)[/dim]")
    if done.before:
        out().print(escape(f"before: {done.before}, kept for a rollback"))
    for version in done.forgotten:
        out().print(escape(f"forgotten: {version}"))
