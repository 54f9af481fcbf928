"""SLW021: a pod says that it does not run as root (Pod Security Standards, restricted; S3-08)."""

from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.manifest import Object, Path, objects
from slipway.lint.source import Kind, Project, Source

_ROOT = {"0", "root", "0:0", "root:root"}


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    for item in objects(source):
        yield from _said(item)
        if item.pod and not _is_known_later(source, item):
            yield from _unsaid(item, item.pod)


def _said(item: Object) -> Iterator[Hit]:
    for value in item.values:
        context, key = value.path[-2:] if len(value.path) > 1 else ("", "")
        if key == "runAsUser" and value.text == "0":
            yield Hit(value.line, "runAsUser: 0 is root")
        elif key == "runAsNonRoot" and value.text.lower() == "false":
            yield Hit(value.line, "runAsNonRoot: false allows root")
        elif key == "allowPrivilegeEscalation" and value.text.lower() == "true":
            yield Hit(value.line, "allowPrivilegeEscalation: true lets a process become root")
        elif value.path == ("services", context, "user") and value.text in _ROOT:
            yield Hit(value.line, f"service {context} runs as root")


def _unsaid(item: Object, pod: Path) -> Iterator[Hit]:
    """The first container whose user nobody chose; one finding for the object."""
    for container in item.containers():
        name = item.at((*container, "name"))
        if not any(_chosen(item, (*path, "securityContext")) for path in (container, pod)):
            called = name.text if name else "a container"
            line = (name or item.below(container)[0]).line
            yield Hit(line, f"{item.kind}: {called} may run as root")
            return


def _chosen(item: Object, context: Path) -> bool:
    """Whether the user is chosen here; one that says root is a finding of its own."""
    return any(item.at((*context, key)) for key in ("runAsNonRoot", "runAsUser"))


def _is_known_later(source: Source, item: Object) -> bool:
    """A chart's template may fill the whole context in."""
    return source.is_filled_in and any("securityContext" in value.path for value in item.values)


RULE = Rule(
    id="SLW021",
    title="Pods do not run as root",
    fix="securityContext: {runAsNonRoot: true, runAsUser: 65532}",
    kinds=frozenset({Kind.YAML}),
    check=_check,
)
