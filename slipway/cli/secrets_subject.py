"""What a secrets command is about: a target, and what the app file says of its secrets."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway import appfile as appfiles
from slipway.appfile import AppFile, Secret
from slipway.candidate import environment_of
from slipway.cli.chains import known_target
from slipway.cli.options import complete_app
from slipway.errors import BadInput
from slipway.history import serving_release
from slipway.ledger import Record
from slipway.release import Target, parse_target
from slipway.secret import SecretStore
from slipway.secret_rotation import serving_candidate

if TYPE_CHECKING:
    from blocks.compose import Installation

Subjected = Annotated[
    str,
    typer.Argument(
        metavar="APP-OR-CANDIDATE",
        help="An app, for the candidate that serves; or REGISTRY/APP@sha256:..., or an app file.",
        autocompletion=complete_app,
    ),
]


@dataclass(frozen=True)
class Subject:
    """A target, its schema, its store, and its chain as it is now."""

    target: Target
    schema: Mapping[str, Secret]
    store: SecretStore
    records: list[Record]


def subject_of(installation: "Installation", what: str, environment: str) -> Subject:
    """The subject of an operand.

    Args:
        what: an app, a candidate (it has an `@`), or an app file (it has a dot or a slash).

    Raises:
        BadInput: no such app, candidate, file or environment. Refused: the app serves nothing.
        Unreachable, ImageMissing: the registry's answer.
    """
    if "@" in what:
        appfile = installation.candidate(what).appfile
    elif "/" in what or "." in what:
        appfile = _read(Path(what))
    else:
        target = known_target(installation.settings, what, environment)
        records = installation.ledger(target).records()
        appfile = installation.candidate(serving_candidate(records, target)).appfile
    return _subject(installation, appfile, environment)


def _subject(installation: "Installation", appfile: AppFile, environment: str) -> Subject:
    environment_of(appfile, environment)
    target = parse_target(appfile.app, environment)
    records = installation.ledger(target).records()
    return Subject(target, appfile.secrets, installation.secrets(target), records)


def served_schema(installation: "Installation", target: Target) -> Mapping[str, Secret]:
    """What the app file of the candidate that serves says; empty where nothing serves."""
    serving = serving_release(installation.ledger(target).records())
    return installation.candidate(serving.candidate).appfile.secrets if serving else {}


def _read(path: Path) -> AppFile:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(
            "the app file cannot be read",
            found=f"{str(path)[:200]!a}: {error.strerror}",
            allowed="an app, a candidate REGISTRY/APP@sha256:..., or the path of an app file",
        ) from None
    return appfiles.parse(data, str(path))
