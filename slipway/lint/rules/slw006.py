"""SLW006: job variables, parameters and pull steps are in Prefect's database, for all to read.

A template of the environment, `{{ $NAME }}`, is filled in when the deployment is registered.
"""

import ast
import re
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.source import Kind, Project, Source
from slipway.lint.tree import Value
from slipway.lint.words import looks_secret

_SHOWN = {"job_variables": "job_variables", "parameters": "parameters", "pull": "a pull step"}
_BLOCK = re.compile(r"\{\{\s*prefect\.blocks\.(secret|[a-z0-9-]*credentials)\.")
_FILLED = re.compile(r"\{\{\s*(?:\$|prefect\.variables\.)([\w-]+)")
_DEPLOYING = {"deploy", "adeploy", "serve", "to_deployment", "run_deployment", "arun_deployment"}
_NO_VALUE = {"null", "~", "true", "false"}


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    if source.kind is Kind.PYTHON:
        yield from _python(source)
        return
    for value in source.values:
        shown = next((_SHOWN[part] for part in value.path if part in _SHOWN), None)
        if shown and value.text:
            yield from _yaml(value, shown)


def _yaml(value: Value, shown: str) -> Iterator[Hit]:
    block = _BLOCK.search(value.text)
    filled = _FILLED.search(value.text)
    if block and "pull" not in value.path:
        yield Hit(value.line, f"{value.key} fills a secret's value into {shown}")
    elif filled and looks_secret(filled[1]):
        yield Hit(value.line, f"{value.key} fills the value of {filled[1]} into {shown}")
    elif looks_secret(value.key) and not block and not _is_form(value):
        yield Hit(value.line, f"{value.key} is a secret among {shown}")


def _is_form(value: Value) -> bool:
    """The description of a parameter, or what an earlier step gave, which holds no value of it."""
    described = "parameter_openapi_schema" in value.path or value.text in _NO_VALUE
    return described or ("pull" in value.path and "{{" in value.text)


def _python(source: Source) -> Iterator[Hit]:
    for node in source.nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in _DEPLOYING:
            for keyword in node.keywords:
                if keyword.arg in {"job_variables", "parameters"}:
                    yield from _entries(keyword.value, keyword.arg)


def _entries(given: ast.expr, shown: str) -> Iterator[Hit]:
    """Entries of a dictionary that is written out here, at any depth."""
    for part in ast.walk(given):
        pairs = zip(part.keys, part.values, strict=True) if isinstance(part, ast.Dict) else ()
        for key, value in pairs:
            name = key.value if isinstance(key, ast.Constant) else None
            empty = isinstance(value, ast.Constant) and value.value in {None, "", True, False}
            if isinstance(name, str) and looks_secret(name) and not empty:
                yield Hit(value.lineno, f"{name} is a secret among {shown}")


RULE = Rule(
    id="SLW006",
    title="No secrets in what Prefect stores",
    fix="name the block and load it in the task that uses it",
    kinds=frozenset({Kind.PREFECT, Kind.PYTHON}),
    check=_check,
)
