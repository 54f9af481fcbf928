"""What a terminal is shown: tables for people, JSON for programs, errors in one form."""

import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, TextIO

from pydantic import ValidationError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from slipway.errors import BadInput, SlipwayError
from slipway.explanations import printable

DEBUG = "SLIPWAY_DEBUG"
LOG_WIDTH = 140
BUG_REPORT = f"run it again with {DEBUG}=1 and report what it prints"


def out() -> Console:
    """Standard output; results only."""
    return Console(highlight=False, soft_wrap=True, width=_width(sys.stdout))


def err() -> Console:
    """Standard error: progress and errors."""
    return Console(stderr=True, highlight=False, soft_wrap=True, width=_width(sys.stderr))


def _width(stream: TextIO) -> int | None:
    """A pipe or a log has no width of its own: wide enough that tables keep their lines."""
    return None if stream.isatty() else LOG_WIDTH


def emit_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table of plain text; nothing in a cell is read as markup."""
    drawn = Table(
        title=escape(title) or None, title_justify="left", box=SIMPLE_HEAD, pad_edge=False
    )
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*(escape(printable(cell)) for cell in row))
    return drawn


def known(error: BaseException) -> BaseException:
    """A value that pydantic refused, as bad input by the path of its field. Pure.

    What was given is not repeated, unless the message of our own grammar does.
    """
    if not isinstance(error, ValidationError):
        return error
    first, *others = error.errors(include_url=False, include_input=False, include_context=False)
    path = ".".join(map(str, first["loc"])) or "value"
    more = f" ({len(others)} more)" if others else ""
    return BadInput(
        f"{path} is not valid{more}",
        found=first["msg"].removeprefix("Value error, "),
        next_step=f"correct {path}; settings come from SLIPWAY_{path.upper()}"
        if error.title.endswith("Settings")
        else None,
    )


def error_facts(error: BaseException) -> dict[str, Any]:
    """An error as data: what, found, allowed, next, evidence, cause, exit code. Pure.

    Of an error outside Slipway's tree only the type is told, since its text may hold anything.
    """
    error = known(error)
    if not isinstance(error, SlipwayError):
        what = f"unexpected {type(error).__name__}; this is a bug in Slipway"
        return {"error": type(error).__name__, "what": what, "next": BUG_REPORT, "exit_code": 1}
    facts: dict[str, Any] = {
        "error": type(error).__name__,
        "what": error.message,
        "found": error.found,
        "allowed": error.allowed,
        "evidence": list(error.evidence) or None,
        "cause": str(error.cause),
        "next": error.next_step,
        "retryable": error.retryable,
        "exit_code": error.exit_code,
    }
    return {key: value for key, value in facts.items() if value is not None}


def error_lines(error: BaseException) -> list[str]:
    """An error for people, one fact a line. Pure."""
    facts = error_facts(error)
    lines = [f"error: {printable(facts['what'])}"]
    told = [key for key in ("found", "allowed") if facts.get(key)]
    lines += [f"  {key + ':':9}{printable(facts[key])}" for key in told]
    lines += [f"  evidence: {printable(line)}" for line in facts.get("evidence", [])]
    if facts.get("next"):
        lines.append(f"  {'next:':9}{printable(facts['next'])}")
    return lines


def stack_lines(error: BaseException) -> list[str]:
    """Where an error and what led to it were raised, the first of them first.

    Of errors outside Slipway's tree only the type is told: their text may hold a secret.
    """
    lines: list[str] = []
    one: BaseException | None = error
    while one is not None:
        text = printable(str(one)) if isinstance(one, SlipwayError) else "(text not shown)"
        own = [*traceback.format_tb(one.__traceback__), f"{type(one).__name__}: {text}\n"]
        lines = ["Traceback (most recent call last):\n", *own, *lines]
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return lines


def print_error(error: BaseException, *, as_json: bool = False) -> int:
    """Print the error to standard error; the exit code of its class."""
    if os.environ.get(DEBUG) == "1":
        sys.stderr.write("".join(stack_lines(error)))
    if as_json:
        sys.stderr.write(json.dumps(error_facts(error), indent=2, ensure_ascii=False) + "\n")
    else:
        first, *others = error_lines(error)
        err().print(escape(first), style="bold red")
        for line in others:
            err().print(escape(line))
    return int(error_facts(error)["exit_code"])
