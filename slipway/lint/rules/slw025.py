"""SLW025: Prefect 3 has no command `prefect secret` (S0-20)."""

import re
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.shell import RUNNING, commands
from slipway.lint.source import Kind, Project, Source

_COMMAND = re.compile(
    r"^(?:\$\s+)?prefect\s+secrets?\s+(create|delete|set|get|list|ls|inspect|rm)\b"
)


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    if source.kind is Kind.TEXT:
        lines = ((number, line.strip()) for number, line in source.lines)
    else:
        lines = ((command.line, command.text) for command in commands(source))
    for number, line in lines:
        if match := _COMMAND.search(line):
            yield Hit(number, f"there is no prefect secret {match[1]}")


RULE = Rule(
    id="SLW025",
    title="Secrets of Prefect are blocks",
    fix="Secret(value=...).save(NAME) from stdin or a file; prefect block delete secret/NAME",
    kinds=RUNNING | {Kind.TEXT},
    check=_check,
)
