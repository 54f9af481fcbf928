"""`slipway`: deploys, rolls back, recovers and shows, with or without a Prefect server."""

from typing import Annotated

import typer

from slipway import __version__
from slipway.cli.approve import approve
from slipway.cli.audit import audit, receipt
from slipway.cli.ci import ci
from slipway.cli.demo import demo
from slipway.cli.deploy import deploy, plan
from slipway.cli.doctor import doctor
from slipway.cli.door import Door
from slipway.cli.drift import drift
from slipway.cli.environment import take_stack_variables
from slipway.cli.keep import keeper
from slipway.cli.lint import lint
from slipway.cli.local import down, up
from slipway.cli.rollback import recover, rollback
from slipway.cli.schema import schema
from slipway.cli.secrets import secrets
from slipway.cli.status import history, status
from slipway.cli.webhook import webhook

app = typer.Typer(
    name="slipway",
    cls=Door,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

SHOW, ACT, CHECK, AGENT, LOCAL = "See", "Act", "Check", "CI", "This machine"
for panel, command in (
    (SHOW, status),
    (SHOW, history),
    (SHOW, plan),
    (ACT, deploy),
    (ACT, approve),
    (ACT, rollback),
    (ACT, recover),
    (ACT, keeper),
    (CHECK, doctor),
    (CHECK, drift),
    (CHECK, lint),
    (CHECK, schema),
    (AGENT, webhook),
    (LOCAL, demo),
    (LOCAL, up),
    (LOCAL, down),
):
    app.command(rich_help_panel=panel)(command)

app.add_typer(audit, name="audit", rich_help_panel=CHECK)
app.add_typer(secrets, name="secrets", rich_help_panel=ACT)
app.add_typer(receipt, name="receipt", rich_help_panel=CHECK)
app.add_typer(ci, name="ci", rich_help_panel=AGENT)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"slipway {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[  # noqa: ARG001 - handled by its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Takes a commit to a verified production release, and back."""
    take_stack_variables()
