"""SLW003: build arguments and ENV are in the image's history for everybody to read (G9)."""

import re
from collections.abc import Iterator

from slipway.lint.dockerfile import Instruction
from slipway.lint.finding import Hit, Rule
from slipway.lint.shell import commands
from slipway.lint.source import Kind, Project, Source
from slipway.lint.words import looks_secret

_NAME = re.compile(r"(?:^|\s)([A-Za-z_][A-Za-z0-9_]*)(?==|$)")
_PATH = re.compile(r"\w+=[\"']?/[\w.-]+(?:/[\w.-]+)+[\"']?(?=\s|$)")
_FLAG = re.compile(r"--build-arg[\s=][\"']?([A-Za-z_][A-Za-z0-9_]*)")
_RUNNING = frozenset({Kind.SHELL, Kind.JENKINSFILE, Kind.PYTHON, Kind.PREFECT})


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    if source.kind is Kind.DOCKERFILE:
        for item in source.instructions:
            for name in _names(item):
                if looks_secret(name):
                    yield Hit(item.line, f"{item.keyword} {name} keeps a secret in the image")
        return
    for line, name in _arguments(source):
        if looks_secret(name):
            yield Hit(line, f"build argument {name} keeps a secret in the image's history")


def _names(item: Instruction) -> list[str]:
    if item.keyword == "ARG":
        return [word.partition("=")[0] for word in item.words if not _PATH.search(word)]
    if item.keyword == "ENV":
        plain = _PATH.sub("", item.rest)
        return _NAME.findall(plain) if "=" in item.rest else item.words[:1]
    return []


def _arguments(source: Source) -> Iterator[tuple[int, str]]:
    """Lines and names of the arguments that are given to builds."""
    if source.kind is Kind.YAML:
        for value in source.values:
            if value.path[:1] == ("services",) and value.path[2:4] == ("build", "args"):
                yield (
                    value.line,
                    (value.text.partition("=")[0] if _is_item(value.path) else value.key),
                )
    if source.kind in _RUNNING or source.kind is Kind.YAML:
        for command in commands(source):
            yield from ((command.line, name) for name in _FLAG.findall(command.text))


def _is_item(path: tuple[str | int, ...]) -> bool:
    return isinstance(path[-1], int)


RULE = Rule(
    id="SLW003",
    title="No secrets in build arguments or ENV",
    fix="RUN --mount=type=secret while building; a file in /run/secrets while running",
    kinds=_RUNNING | {Kind.DOCKERFILE, Kind.YAML},
    check=_check,
)
