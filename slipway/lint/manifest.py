"""Kubernetes objects and compose services, as rules see them.

A chart's template is read with every action blanked, so a value that Helm fills in is unknown.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from slipway.lint.source import Source
from slipway.lint.tree import FILLED, Value

Path = tuple[str | int, ...]
_PODS: dict[str, Path] = {
    "Pod": ("spec",),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    **dict.fromkeys(
        ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"),
        ("spec", "template", "spec"),
    ),
}
_UNKNOWN = re.compile(r"\{\{|\$[({]|^\$|<|" + FILLED)


@dataclass(frozen=True)
class Object:
    """One document of a file, by its paths."""

    values: tuple[Value, ...]

    @property
    def kind(self) -> str:
        """`kind` of a Kubernetes object; empty for other documents."""
        kind, version = self.at(("kind",)), self.at(("apiVersion",))
        return kind.text if kind and version else ""

    @property
    def pod(self) -> Path | None:
        """Where the pod's specification is; None where the object makes none that stays.

        `helm create` writes a pod that only `helm test` runs.
        """
        hook = self.at(("metadata", "annotations", "helm.sh/hook"))
        return None if hook and hook.text.startswith("test") else _PODS.get(self.kind)

    def at(self, path: Path) -> Value | None:
        """The scalar at exactly that path."""
        return next((value for value in self.values if value.path == path), None)

    def below(self, path: Path) -> list[Value]:
        """Every scalar under a path."""
        return [value for value in self.values if value.path[: len(path)] == path]

    def items(self, path: Path) -> list[Path]:
        """Paths of the items of a list or map, in order."""
        return list(dict.fromkeys(value.path[: len(path) + 1] for value in self.below(path)[:5000]))

    def containers(self) -> Iterator[Path]:
        """Where each container of the pod is, those that begin first included."""
        for name in ("initContainers", "containers") if self.pod else ():
            path = (*(self.pod or ()), name)
            yield from (item for item in self.items(path) if len(item) > len(path))


def objects(source: Source) -> list[Object]:
    """The documents of a YAML file."""
    numbers = dict.fromkeys(value.document for value in source.values)
    return [Object(tuple(v for v in source.values if v.document == number)) for number in numbers]


def is_unknown(text: str) -> bool:
    """Whether somebody fills the value in before it is used."""
    return bool(_UNKNOWN.search(text))
