"""The command line's outer door: every error leaves through it with its class's exit code."""

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from slipway.cli.options import JSON
from slipway.terminal import print_error

INTERRUPTED = 130


class Door(TyperGroup):
    """Turns errors of `slipway.errors` into printed facts and exit codes; shows no traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.TyperException, typer.Exit, typer.Abort):
            raise
        except KeyboardInterrupt:
            sys.stderr.write("interrupted; if a release was under way: slipway recover\n")
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:  # noqa: BLE001 - the one place that must see every error
            as_json = bool((ctx.obj or {}).get(JSON))
            raise typer.Exit(print_error(error, as_json=as_json)) from None
