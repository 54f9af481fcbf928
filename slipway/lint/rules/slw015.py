"""SLW015: a privileged container is the host (CIS Docker 5.4)."""

import re
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.source import Kind, Project, Source

_YAML = frozenset({Kind.APPFILE, Kind.PREFECT, Kind.YAML})
_FLAG = re.compile(
    r"\b(?:docker|podman|nerdctl)\b.*\s(--privileged(?:=true)?|--cap-add[\s=](?:ALL|SYS_ADMIN))"
    r"(?=\s|$|[\"'])"
)
_HOST = {"ALL", "SYS_ADMIN", "CAP_SYS_ADMIN"}


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    if source.kind in _YAML:
        for value in source.values:
            if value.path[-1:] == ("privileged",) and value.text.lower() == "true":
                yield Hit(value.line, "privileged: true gives the container the whole host")
            elif _adds(value.path) and value.text.upper() in _HOST:
                yield Hit(value.line, f"capability {value.text} is as good as the whole host")
        return
    for number, line in source.lines:
        if (flag := _FLAG.search(line)) and not line.lstrip().startswith(("#", "//")):
            yield Hit(number, f"{flag[1]} gives the container the whole host")


def _adds(path: tuple[str | int, ...]) -> bool:
    """A list of capabilities in Kubernetes or compose."""
    return path[-3:-1] == ("capabilities", "add") or path[-2:-1] == ("cap_add",)


RULE = Rule(
    id="SLW015",
    title="No privileged containers",
    fix="name the one capability or device that is needed",
    kinds=_YAML | {Kind.SHELL, Kind.JENKINSFILE},
    check=_check,
)
