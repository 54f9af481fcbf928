"""`slipway up` and `slipway down`: the local stack."""

from typing import Annotated

import typer
from rich.markup import escape

from slipway.cli.options import Json
from slipway.errors import SlipwayError
from slipway.terminal import emit_json, err, out, table


def _say(line: str) -> None:
    err().print(escape(line))


def up(json: Json = False) -> None:
    """Start registry, Prefect server and worker on this machine; wait until each is ready."""
    from slipway.cli import stack

    services = stack.up(say=_say)
    if json:
        emit_json([vars(service) for service in services])
        return
    rows = [(s.name, "ready" if s.is_ready else "not ready", s.address) for s in services]
    out().print(table("", ["service", "state", "address"], rows))


def down(
    apps: Annotated[bool, typer.Option("--apps", help="Also remove the released apps.")] = False,
    purge: Annotated[bool, typer.Option("--purge", help="Also remove all data.")] = False,
) -> None:
    """Stop what `slipway up` started."""
    from slipway.cli import stack
    from slipway.cli.demo.cluster import remove_demo

    try:
        for name in remove_demo(stack.StackSettings().state) if apps or purge else ():
            _say(f"removed namespace {name}")
    except SlipwayError:
        stack.down(say=_say, apps=True)
        raise
    stack.down(say=_say, apps=apps or purge, purge=purge)
