"""`slipway status` and `slipway history`: what the ledger says, without any server."""

from typing import Annotated

import typer
from rich.markup import escape

from slipway.claim import lease_lives, read_lease
from slipway.cli.chains import chosen_targets, known_target, open_ledger
from slipway.cli.options import App, Environment, Json, OneApp, OneEnvironment
from slipway.cli.overview import Row, Status, releases_of, status_of
from slipway.errors import SlipwayError
from slipway.explanations import printable
from slipway.glass import open_glass
from slipway.names import short_digest
from slipway.release import Target
from slipway.settings import RuntimeSettings
from slipway.terminal import emit_json, err, out, table


def status(
    app: OneApp = None,
    environment: OneEnvironment = None,
    observe: Annotated[
        bool, typer.Option("--observe", help="Ask the target as well, and tell where it differs.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what serves where, what is under way, and where a rollback would go."""
    settings = RuntimeSettings()
    found = []
    for target in chosen_targets(settings, app, environment):
        ledger = open_ledger(settings, target)
        lease = read_lease(ledger.store, target)
        lives = lease is not None and lease_lives(ledger.store, target, lease)
        row = status_of(target, ledger.records(), lease, lives=lives)
        seen = _observed(settings, target) if observe else None
        glass = open_glass(ledger.records(), settings.allowed_signers_file, ledger.clock())
        update = {"observed": seen, "glass": str(glass) if glass else None}
        found.append(row.model_copy(update=update))
    if json:
        emit_json([row.model_dump(mode="json") for row in found])
    elif not found:
        out().print("nothing was deployed yet")
    else:
        columns = ["target", "serving", "since", "last", "way back", "under way"]
        columns += ["observed"] if observe else []
        out().print(table("", columns, [_status_cells(row)[: len(columns)] for row in found]))
    for row in found if not json else []:
        if row.glass:
            said = f"{row.target}: {printable(row.glass)}; nobody else approved it since"
            err().print(f"[bold red]{escape(said)}[/]", soft_wrap=True)


def _observed(settings: RuntimeSettings, target: Target) -> str:
    """What the target itself says serves; why not, where it cannot be asked."""
    from blocks.compose import Installation

    try:
        return Installation(settings).observed(target) or "nothing"
    except SlipwayError as error:
        return f"not observed: {error.message}"


def _status_cells(row: Status) -> list[str]:
    waiting = f"gate waits for plan {_short(row.waiting)}" if row.waiting else ""
    return [
        str(row.target),
        _short(row.serving) if row.serving else "nothing",
        row.since or "",
        row.last or "",
        _short(row.back) if row.back else "none",
        row.held or waiting,
        _agreement(row),
    ]


def _agreement(row: Status) -> str:
    return "as recorded" if row.observed == (row.spec or "nothing") else f"DIFFERS: {row.observed}"


def _short(text: str | None) -> str:
    return short_digest((text or "").rpartition("@")[2])


def history(
    app: App,
    environment: Environment,
    limit: Annotated[int, typer.Option(min=1, help="Newest releases to show.")] = 20,
    json: Json = False,
) -> None:
    """List the releases, rollbacks, drills and refusals of an environment."""
    settings = RuntimeSettings()
    target = known_target(settings, app, environment)
    rows = releases_of(open_ledger(settings, target).records())[-limit:]
    if json:
        emit_json([row.model_dump(mode="json") for row in rows])
        return
    columns = ["record", "time", "what", "candidate", "outcome", "s", "by", "why"]
    out().print(table(str(target), columns, [_history_cells(row) for row in rows]))


def _history_cells(row: Row) -> list[str]:
    seconds = "" if row.millis is None else f"{row.millis / 1000:.1f}"
    return [
        str(row.number),
        row.time,
        row.goal,
        row.short,
        row.outcome,
        seconds,
        row.requested_by,
        row.remark,
    ]
