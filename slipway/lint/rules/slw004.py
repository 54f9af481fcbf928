"""SLW004: who holds the engine's socket is root on its machine (CIS Docker 5.31)."""

import re
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.source import Kind, Project, Source

_SOCKET = r"(?:docker|podman|containerd|crio|buildkitd)\.sock"
_MOUNT = re.compile(
    rf"{_SOCKET}[\"']?\s*:\s*(?:[\"'{{]?\s*/|\{{\s*[\"']bind[\"'])|"  # source:target
    rf"(source|src)=[^,\s]*{_SOCKET}|"
    rf"^\s*VOLUME\b.*{_SOCKET}"
)
_YAML = frozenset({Kind.APPFILE, Kind.PREFECT, Kind.YAML})


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    if source.kind in _YAML:
        lines = [
            value.line
            for value in source.values
            if _MOUNT.search(value.text) or _is_host_path(value.path, value.text)
        ]
    else:
        lines = [
            number
            for number, line in source.lines
            if _MOUNT.search(line) and not line.lstrip().startswith(("#", "//", "*"))
        ]
    for number in lines:
        yield Hit(number, "mounts the engine's socket: the container rules the machine")


def _is_host_path(path: tuple[str | int, ...], text: str) -> bool:
    """Kubernetes' volume, or the long form of compose."""
    named = path[-2:] == ("hostPath", "path") or (path[-1:] == ("source",) and "volumes" in path)
    return named and bool(re.search(_SOCKET + "$", text))


RULE = Rule(
    id="SLW004",
    title="Nothing mounts an engine's socket",
    fix="run what needs the engine on its host, or give it an engine of its own",
    kinds=frozenset(Kind) - {Kind.TEXT},
    check=_check,
)
