"""Arguments and options that several commands share."""

from typing import Annotated

import typer

JSON = "json"


def _remember(context: typer.Context, value: bool) -> bool:
    """Errors are told in the form that the command was asked for."""
    context.find_root().ensure_object(dict)[JSON] = value
    return value


Json = Annotated[
    bool, typer.Option("--json", help="Print JSON, also for an error.", callback=_remember)
]


def _known(part: str) -> list[str]:
    """Names in the ledger, for completion; none where it cannot be read."""
    from slipway.cli.chains import open_store
    from slipway.cli.environment import take_stack_variables
    from slipway.errors import SlipwayError
    from slipway.settings import RuntimeSettings

    take_stack_variables()
    try:
        targets = open_store(RuntimeSettings()).targets()
    except SlipwayError:
        return []
    return sorted({str(getattr(target, part)) for target in targets})


def complete_app(incomplete: str) -> list[str]:
    """Apps that were released from here."""
    return [name for name in _known("app") if name.startswith(incomplete)]


def complete_environment(incomplete: str) -> list[str]:
    """Environments that something was released to from here."""
    return [name for name in _known("environment") if name.startswith(incomplete)]


App = Annotated[
    str,
    typer.Argument(help="Name of the app, as in its app file.", autocompletion=complete_app),
]
Environment = Annotated[
    str,
    typer.Argument(
        help="Name of the environment, as in the app file.", autocompletion=complete_environment
    ),
]
OneApp = Annotated[str | None, typer.Argument(help="Only this app.", autocompletion=complete_app)]
OneEnvironment = Annotated[
    str | None,
    typer.Argument(help="Only this environment.", autocompletion=complete_environment),
]
Candidate = Annotated[
    str,
    typer.Argument(help="REGISTRY/APP@sha256:..., the CANDIDATE line of image-digest.env."),
]
