"""Does a runtime secret's value have the format of the app file? Never shows the value."""

import json
import re
from collections.abc import Callable, Mapping

from pydantic import SecretStr

from slipway.appfile import Secret
from slipway.errors import SecretMissing
from slipway.secret import SecretReader

_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s]+", re.IGNORECASE)


def check_formats(
    schemas: Mapping[str, Secret],
    versions: Mapping[str, str],
    serving: Mapping[str, str],
    read: SecretReader,
) -> list[str]:
    """Read each version that does not serve yet, hold it to its format; the facts.

    Args:
        schemas: secret name to what the app file says of it.
        versions: secret name to the version that is wanted.
        serving: secret name to the version that serves; it was checked before, and is not read.

    Raises:
        SecretMissing: a value is gone or has another format.
        Unreachable: the source did not answer.
    """
    new = unserved(schemas, versions, serving)
    for name, version in new.items():
        check_format(name, schemas[name].format, read(name, version))
    return [f"secret {name} has the format {schemas[name].format}" for name in new]


def unserved(
    schemas: Mapping[str, Secret], versions: Mapping[str, str], serving: Mapping[str, str]
) -> dict[str, str]:
    """Name to version of the secrets that do not serve yet. Pure."""
    return {name: versions[name] for name in schemas if versions[name] != serving.get(name)}


def check_format(name: str, kind: str, value: SecretStr) -> None:
    """Raises SecretMissing, naming the secret and its format, where the value has another one.

    Args:
        kind: `text`, `url`, `json` or `list`, as in the app file.
    """
    if not _FORMATS[kind](value.get_secret_value()):
        raise SecretMissing(
            f"runtime secret {name} has not the format of the app file",
            found="a value that is not shown",
            allowed=_ALLOWED[kind],
            next_step=f"store {name} again as {kind}",
        )


def _is_json(value: str) -> bool:
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return False
    return True


_FORMATS: Mapping[str, Callable[[str], bool]] = {
    "text": lambda value: bool(value.strip()),
    "url": lambda value: _URL.fullmatch(value) is not None,
    "json": _is_json,
    "list": lambda value: all(item.strip() for item in value.split(",")),
}
_ALLOWED = {
    "text": "anything but empty",
    "url": "scheme://host... or scheme:///path",
    "json": "valid JSON",
    "list": "items separated by commas, none of them empty",
}
