"""SLW019: Prefect keeps parameters in clear, SecretStr as well, and shows them to every reader."""

import ast
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.source import Kind, Project, Source
from slipway.lint.taint import Function, functions
from slipway.lint.words import looks_secret

_TYPES = ("SecretStr", "SecretBytes", "SecretDict")
_TEXTS = {"", "str", "bytes", "Any"}


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    prefect = _decorators(source)
    for function in functions(source):
        if any(_called(item) in prefect for item in function.decorator_list):
            yield from _parameters(function)


def _decorators(source: Source) -> set[str]:
    """What `flow` and `task` are called here."""
    found = {"prefect.flow", "prefect.task"}
    for node in source.nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("prefect"):
            found |= {
                alias.asname or alias.name for alias in node.names if alias.name in {"flow", "task"}
            }
    return found


def _called(decorator: ast.expr) -> str:
    return ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator)


def _parameters(function: Function) -> Iterator[Hit]:
    every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    for parameter in every:
        kind = ast.unparse(parameter.annotation) if parameter.annotation else ""
        plain = kind.partition("|")[0].strip().removeprefix("Optional[").rstrip("]")
        secret = looks_secret(parameter.arg) and plain in _TEXTS
        if secret or any(name in kind for name in _TYPES):
            yield Hit(parameter.lineno, f"{function.name} takes the secret {parameter.arg}")


RULE = Rule(
    id="SLW019",
    title="Flows and tasks take no secrets",
    fix="take the block's name and load it inside",
    kinds=frozenset({Kind.PYTHON}),
    check=_check,
)
