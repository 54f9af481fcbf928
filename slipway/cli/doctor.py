"""`slipway doctor`: is everything there that Slipway works with?"""

import typer

from slipway.cli.checks import Check, State, all_checks, is_healthy
from slipway.cli.options import Json
from slipway.errors import Unreachable
from slipway.settings import RuntimeSettings
from slipway.terminal import emit_json, out, table


def doctor(json: Json = False) -> None:
    """Check this machine and what it reaches. Exit code 8 where something needed is missing."""
    checks = all_checks(RuntimeSettings())
    if json:
        emit_json([check.model_dump(mode="json") for check in checks])
    else:
        out().print(table("", ["", "", "found", "next"], [_cells(check) for check in checks]))
    if not is_healthy(checks):
        raise typer.Exit(Unreachable.exit_code)


def _cells(check: Check) -> list[str]:
    step = check.next_step if check.state is not State.GOOD else None
    return [check.name, check.state, check.found, step or ""]
