"""SLW024: what is not secret is easier to see, compare and change as configuration (S0-22)."""

import ast
import re
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.groovy import without_comments
from slipway.lint.source import Kind, Project, Source
from slipway.lint.words import is_config

_BLOCK = re.compile(r"\{\{\s*prefect\.blocks\.secret\.([\w-]+)")
_CREDENTIAL = re.compile(r"(?:credentialsId\s*:?\s*|\bcredentials\s*\(\s*)[\"']([^\"'$]+)[\"']")


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    seen: set[str] = set()
    for line, name in _secrets(source):
        if is_config(name) and name not in seen:
            seen.add(name)
            yield Hit(line, f"{name} is configuration, and held as a secret")


def _secrets(source: Source) -> Iterator[tuple[int, str]]:
    """Lines, and the names of secrets that they speak of."""
    match source.kind:
        case Kind.PYTHON:
            yield from _python(source)
        case Kind.JENKINSFILE:
            for number, line in enumerate(without_comments(source.text).splitlines(), start=1):
                names = _CREDENTIAL.findall(line)
                yield from ((number, name) for name in names if "account" not in name)
        case Kind.APPFILE:
            for value in source.values:
                if value.path[:1] == ("secrets",) and value.path[1:]:
                    yield value.line, str(value.path[1])
        case _:
            for value in source.values:
                yield from ((value.line, name) for name in _BLOCK.findall(value.text))


def _python(source: Source) -> Iterator[tuple[int, str]]:
    for node in source.nodes:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        first, owner = node.args[0], ast.unparse(node.func.value)
        loads = node.func.attr in {"load", "aload", "save", "asave"} and "Secret" in owner
        if loads and isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield node.lineno, first.value


RULE = Rule(
    id="SLW024",
    title="Configuration is not held as a secret",
    fix="a Prefect Variable, or config in the app file",
    kinds=frozenset({Kind.PYTHON, Kind.JENKINSFILE, Kind.APPFILE, Kind.PREFECT}),
    check=_check,
)
