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
App = Annotated[str, typer.Argument(help="Name of the app, as in its app file.")]
Environment = Annotated[str, typer.Argument(help="Name of the environment, as in the app file.")]
Candidate = Annotated[
    str,
    typer.Argument(help="REGISTRY/APP@sha256:..., the CANDIDATE line of image-digest.env."),
]
