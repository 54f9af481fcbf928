"""SLW022: a pod that shares what its host has can reach past itself (Pod Security, baseline)."""

from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.manifest import objects
from slipway.lint.source import Kind, Project, Source
from slipway.lint.tree import Value

_SHARED = {"hostNetwork": "network", "hostPID": "processes", "hostIPC": "shared memory"}
_COMPOSE = {"network_mode": "network", "pid": "processes", "ipc": "shared memory"}


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    for item in objects(source):
        for value in item.values:
            if what := _shared(value):
                yield Hit(value.line, f"shares the {what} of its host")
            elif item.pod and _is_folder(value):
                yield Hit(value.line, f"mounts {value.text} of its host")


def _is_folder(value: Value) -> bool:
    """Sockets are another rule's."""
    return value.path[-2:] == ("hostPath", "path") and not value.text.endswith(".sock")


def _shared(value: Value) -> str | None:
    if value.key in _SHARED and value.text.lower() == "true":
        return _SHARED[value.key]
    in_compose = value.path[:1] == ("services",) and len(value.path) == 3
    return _COMPOSE.get(value.key) if in_compose and value.text == "host" else None


RULE = Rule(
    id="SLW022",
    title="Pods share nothing of their host",
    fix="a service for the network, a volume claim, ConfigMap or Secret for files",
    kinds=frozenset({Kind.YAML}),
    check=_check,
)
