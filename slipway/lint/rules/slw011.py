"""SLW011: a `# syntax=` line makes the builder run a frontend of the file's choice (F10)."""

import re
from collections.abc import Iterator

from slipway.lint.dockerfile import preamble
from slipway.lint.finding import Hit, Rule
from slipway.lint.source import Kind, Project, Source

_SYNTAX = re.compile(r"^\s*(?:#|//)\s*syntax\s*=\s*(.*)|\"syntax\"\s*:\s*(.*)", re.IGNORECASE)


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    for number, line in preamble(source.text):
        if match := _SYNTAX.search(line):
            yield Hit(number, f"chooses the frontend {(match[1] or match[2]).strip()[:80]!a}")


RULE = Rule(
    id="SLW011",
    title="Dockerfiles choose no frontend",
    fix="leave the line out; the builder's own frontend builds it",
    kinds=frozenset({Kind.DOCKERFILE}),
    check=_check,
)
