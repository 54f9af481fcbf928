"""`slipway status` and `slipway history`: what the ledger says, without any server."""

import time
from typing import Annotated

import typer

from slipway.claim import read_lease
from slipway.cli.chains import chosen_targets, known_target, open_ledger
from slipway.cli.options import App, Environment, Json
from slipway.cli.overview import Row, Status, releases_of, status_of
from slipway.names import short_digest
from slipway.settings import RuntimeSettings
from slipway.terminal import emit_json, out, table


def status(
    app: Annotated[str | None, typer.Argument(help="Only this app.")] = None,
    environment: Annotated[str | None, typer.Argument(help="Only this environment.")] = None,
    json: Json = False,
) -> None:
    """Show what serves where, what is under way, and where a rollback would go."""
    settings = RuntimeSettings()
    found = []
    for target in chosen_targets(settings, app, environment):
        ledger = open_ledger(settings, target)
        lease = read_lease(ledger.store, target)
        found.append(status_of(target, ledger.records(), lease, time.time()))
    if json:
        emit_json([row.model_dump(mode="json") for row in found])
    elif not found:
        out().print("nothing was deployed yet")
    else:
        columns = ["target", "serving", "since", "last", "way back", "under way"]
        out().print(table("", columns, [_status_cells(row) for row in found]))


def _status_cells(row: Status) -> list[str]:
    waiting = f"gate waits for plan {_short(row.waiting)}" if row.waiting else ""
    return [
        str(row.target),
        _short(row.serving) if row.serving else "nothing",
        row.since or "",
        row.last or "",
        _short(row.back) if row.back else "none",
        row.held or waiting,
    ]


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
        row.why or "",
    ]
