"""SLW004: who holds the engine's socket is root on its machine (CIS Docker 5.31)."""

import re
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.source import Kind, Project, Source

_MOUNT = re.compile(
    r"docker\.sock[\"']?\s*:\s*[\"'{]?\s*/|"  # source:target
    r"(source|src)=[^,\s]*docker\.sock|"
    r"^\s*VOLUME\b.*docker\.sock"
)
_YAML = frozenset({Kind.APPFILE, Kind.PREFECT, Kind.YAML})


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    if source.kind in _YAML:
        lines = [
            (value.line, value.text)
            for value in source.values
            if _MOUNT.search(value.text) or _is_host_path(value.path, value.text)
        ]
    else:
        lines = [
            (number, line)
            for number, line in source.lines
            if _MOUNT.search(line) and not line.lstrip().startswith(("#", "//"))
        ]
    for number, _ in lines:
        yield Hit(number, "mounts docker.sock: the container rules the machine")


def _is_host_path(path: tuple[str | int, ...], text: str) -> bool:
    return path[-2:] == ("hostPath", "path") and text.endswith("docker.sock")


RULE = Rule(
    id="SLW004",
    title="Nothing mounts docker.sock",
    fix="run what needs the engine on its host, or give it an engine of its own",
    kinds=frozenset(Kind) - {Kind.TEXT},
    check=_check,
)
