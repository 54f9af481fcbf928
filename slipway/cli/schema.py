"""`slipway schema`: the JSON Schema of the app file."""

from slipway.appfile import json_schema
from slipway.terminal import emit_json


def schema() -> None:
    """Print the JSON Schema of slipway.yaml, for editors and checks."""
    emit_json(json_schema())
