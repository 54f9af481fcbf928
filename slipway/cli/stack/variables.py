"""Files of variables, one `NAME='value'` a line: readable by a shell and by dotenv readers."""

from collections.abc import Mapping
from pathlib import Path

from slipway.cli.stack.secret_files import write_private


def write_environment(path: Path, variables: Mapping[str, str]) -> None:
    """One `NAME=value` a line, values in single quotes, readable by a shell and by dotenv."""
    lines = [f"{name}={_quoted(value)}\n" for name, value in sorted(variables.items())]
    write_private(path, "".join(lines))


def read_environment(path: Path) -> dict[str, str]:
    """The variables that `write_environment` wrote; empty when there is no such file."""
    if not path.exists():
        return {}
    pairs = [line.split("=", 1) for line in path.read_text().splitlines() if "=" in line]
    return {name: value[1:-1].replace("'\\''", "'") for name, value in pairs}


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"
