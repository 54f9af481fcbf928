"""`slipway drift`: does every target run what the ledger says?"""

from collections.abc import Iterator

from slipway.cli.chains import chosen_targets
from slipway.cli.options import Json, OneApp, OneEnvironment
from slipway.drift import TargetDrift, look, refuse_drift
from slipway.errors import SlipwayError
from slipway.terminal import emit_json, out, table


def drift(
    app: OneApp = None,
    environment: OneEnvironment = None,
    json: Json = False,
) -> None:
    """Compare what runs with the ledger, field by field. Exit code 3 where something differs."""
    from blocks.compose import Installation

    installation, errors = Installation(), list[SlipwayError]()
    found, signers = [], installation.settings.allowed_signers_file
    for target in chosen_targets(installation.settings, app, environment):
        try:
            found.append(look(target, installation.engine(target).tools, signers))
        except SlipwayError as error:
            errors.append(error)
            found.append(TargetDrift(target=target, unread=error.message))
    if json:
        emit_json([{**one.model_dump(mode="json"), "verdict": one.verdict} for one in found])
    else:
        columns = ["target", "field", "wanted", "found", "changed by"]
        out().print(table("", columns, [row for one in found for row in _rows(one)]))
    refuse_drift(found)
    if errors:
        raise errors[0]


def _rows(found: TargetDrift) -> Iterator[list[str]]:
    if not found.fields:
        yield [str(found.target), found.verdict, "", "", ""]
    for one in found.fields:
        yield [str(found.target), *one.cells]
