"""SLW015: a privileged container is the host (CIS Docker 5.4)."""

import re
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.source import Kind, Project, Source

_YAML = frozenset({Kind.APPFILE, Kind.PREFECT, Kind.YAML})
_FLAG = re.compile(r"\b(?:docker|podman|nerdctl)\b.*\s--privileged(?:=true)?(?=\s|$|[\"'])")


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    if source.kind in _YAML:
        for value in source.values:
            if value.path[-1:] == ("privileged",) and value.text.lower() == "true":
                yield Hit(value.line, "privileged: true gives the container the whole host")
        return
    for number, line in source.lines:
        if _FLAG.search(line) and not line.lstrip().startswith(("#", "//")):
            yield Hit(number, "--privileged gives the container the whole host")


RULE = Rule(
    id="SLW015",
    title="No privileged containers",
    fix="name the one capability or device that is needed",
    kinds=_YAML | {Kind.SHELL, Kind.JENKINSFILE},
    check=_check,
)
