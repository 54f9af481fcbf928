"""`slipway doctor`: is everything there that Slipway works with?"""

from typing import Annotated

import typer

from slipway.cli.checks import Check, State, all_checks, is_healthy
from slipway.cli.cluster_checks import checks_of
from slipway.cli.options import Json
from slipway.errors import BadInput, Unreachable
from slipway.settings import RuntimeSettings
from slipway.terminal import emit_json, out, table


def doctor(
    agent: Annotated[
        bool,
        typer.Option("--agent", help="The programs of a CI agent instead, and their versions."),
    ] = False,
    deploys_with: Annotated[
        list[str] | None, typer.Option("--with", help="kubectl, helm, aws: the agent needs it too.")
    ] = None,
    namespace: Annotated[
        list[str] | None,
        typer.Option("--namespace", help="Ask for the permissions there; by default as released."),
    ] = None,
    charts: Annotated[bool, typer.Option("--charts", help="Helm is needed too.")] = False,
    json: Json = False,
) -> None:
    """Check this machine and what it reaches. Exit code 8 where something needed is missing."""
    if deploys_with and not agent:
        raise BadInput("--with is for agents", next_step="slipway doctor --agent --with ...")
    if agent:
        checks = _agent_checks(deploys_with or [])
    else:
        settings = RuntimeSettings()
        checks = all_checks(settings, checks_of(settings, namespace or [], charts=charts))
    if json:
        emit_json([check.model_dump(mode="json") for check in checks])
    else:
        out().print(table("", ["", "", "found", "next"], [_cells(check) for check in checks]))
    if not is_healthy(checks):
        raise typer.Exit(Unreachable.exit_code)


def _agent_checks(deploys_with: list[str]) -> list[Check]:
    from slipway.cli.agent_checks import agent_checks

    return agent_checks(deploys_with)


def _cells(check: Check) -> list[str]:
    step = check.next_step if check.state is not State.GOOD else None
    return [check.name, check.state, check.found, step or ""]
