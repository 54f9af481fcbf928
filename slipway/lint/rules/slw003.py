"""SLW003: build arguments and ENV are in the image's history for everybody to read (G9)."""

import re
from collections.abc import Iterator

from slipway.lint.dockerfile import Instruction
from slipway.lint.finding import Hit, Rule
from slipway.lint.source import Kind, Project, Source
from slipway.lint.words import looks_secret

_NAME = re.compile(r"(?:^|\s)([A-Za-z_][A-Za-z0-9_]*)(?==|$)")


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    for item in source.instructions:
        for name in _names(item):
            if looks_secret(name):
                yield Hit(item.line, f"{item.keyword} {name} keeps a secret in the image")


def _names(item: Instruction) -> list[str]:
    if item.keyword == "ARG":
        return [word.partition("=")[0] for word in item.words]
    if item.keyword == "ENV":
        return _NAME.findall(item.rest) if "=" in item.rest else item.words[:1]
    return []


RULE = Rule(
    id="SLW003",
    title="No secrets in ARG or ENV",
    fix="RUN --mount=type=secret while building; a file in /run/secrets while running",
    kinds=frozenset({Kind.DOCKERFILE}),
    check=_check,
)
