"""SLW006: job variables and parameters are shown by Prefect's API and kept in its database."""

import re
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.source import Kind, Project, Source
from slipway.lint.tree import Value
from slipway.lint.words import looks_secret

_SHOWN = {"job_variables", "parameters"}
_RESOLVED = re.compile(r"\{\{\s*prefect\.blocks\.(secret|[a-z0-9-]*credentials)\.")


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    for value in source.values:
        shown = next((part for part in value.path if part in _SHOWN), None)
        if shown is None or not value.text:
            continue
        if _RESOLVED.search(value.text):
            yield Hit(value.line, f"{value.key} fills a secret's value into {shown}")
        elif looks_secret(value.key) and not _is_form(value):
            yield Hit(value.line, f"{value.key} is a secret among {shown}")


def _is_form(value: Value) -> bool:
    """The description of a parameter, which holds no value of it."""
    return "parameter_openapi_schema" in value.path or value.text in {"null", "~", "true", "false"}


RULE = Rule(
    id="SLW006",
    title="No secrets in prefect.yaml",
    fix="name the block and load it in the task that uses it",
    kinds=frozenset({Kind.PREFECT}),
    check=_check,
)
