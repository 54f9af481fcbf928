"""Where the API server keeps objects of a kind, also of kinds that only this cluster knows."""

from collections.abc import Sequence
from dataclasses import dataclass

from blocks.platforms.kubernetes_api import EXTENSIONS, KINDS, ApiRefused, Cluster
from slipway.canonical import JsonObject
from slipway.errors import BadInput
from slipway.manifest_kinds import group_of


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind by the version that is used, and its name in paths."""

    version: str
    kind: str
    plural: str

    @property
    def group(self) -> str:
        """The API group; empty for the core."""
        return group_of({"apiVersion": self.version})

    @property
    def is_namespace(self) -> bool:
        return (self.group, self.kind) == ("", "Namespace")

    def path(self, namespace: str, name: str = "") -> str:
        """Path of one object, or of all in the namespace."""
        prefix = f"/apis/{self.version}" if self.group else f"/api/{self.version}"
        place = "" if self.is_namespace else f"/namespaces/{namespace}"
        return f"{prefix}{place}/{self.plural}" + (f"/{name}" if name else "")

    def list(self, cluster: Cluster, namespace: str, labels: str) -> list[JsonObject]:
        """Objects by name; none where the cluster does not know the kind.

        Of namespaces the one alone: who deploys may look at no other.
        """
        if self.is_namespace:
            own = cluster.find(self.path(namespace, namespace))
            return [{**own, "apiVersion": self.version}] if own and has_labels(own, labels) else []
        try:
            found = cluster.list_at(self.path(namespace), self.kind, labels)
        except ApiRefused as error:
            # Who may not list a kind is told so before that the cluster does not know it.
            is_absent = error.status == 403 and self.kind in EXTENSIONS
            if error.status == 404 or is_absent:
                return []
            raise
        return [{**made, "apiVersion": self.version} for made in found]


def has_labels(made: JsonObject, selector: str) -> bool:
    """Whether a selector of equalities finds the object. Pure."""
    wanted = dict(pair.split("=", 1) for pair in selector.split(","))
    return wanted.items() <= (made["metadata"].get("labels") or {}).items()


def known(kind: str) -> Resource:
    """A kind that the platform works with by itself. Pure."""
    prefix, plural, _ = {**KINDS, **EXTENSIONS}[kind]
    return Resource(prefix.removeprefix("/apis/").removeprefix("/api/"), kind, plural)


def is_known(made: JsonObject) -> bool:
    """Whether it is such a kind, and no other of the same name. Pure."""
    return made["kind"] in KINDS and known(made["kind"]).group == group_of(made)


def resource_of(cluster: Cluster, made: JsonObject) -> Resource:
    """Where the object belongs; the server is asked about kinds that are not Kubernetes' own.

    Raises:
        BadInput: the cluster does not know the kind, or it is not of a namespace.
    """
    version, kind = str(made["apiVersion"]), str(made["kind"])
    if is_known(made):
        return Resource(version, kind, known(kind).plural)
    for found in _served(cluster, version):
        if found.get("kind") == kind and "/" not in str(found.get("name")):
            if not found.get("namespaced"):
                raise _refused(made, "a kind of the whole cluster", "kinds of a namespace")
            return Resource(version, kind, str(found["name"]))
    raise _refused(made, "a kind that the cluster does not know", "kinds that it serves")


def resources_of(cluster: Cluster, objects: Sequence[JsonObject]) -> list[Resource]:
    """Every kind of the objects once, in order of appearance.

    Raises:
        BadInput: see `resource_of`.
    """
    first = {(made["apiVersion"], made["kind"]): made for made in objects}
    return [resource_of(cluster, made) for made in first.values()]


def _served(cluster: Cluster, version: str) -> list[JsonObject]:
    found = cluster.find(f"/apis/{version}") or {}
    return list(found.get("resources") or [])


def _refused(made: JsonObject, what: str, allowed: str) -> BadInput:
    return BadInput(
        f"{made['kind']} {made['metadata']['name']}: {what}",
        found=f"{made['kind']} of {made['apiVersion']}",
        allowed=allowed,
        next_step="install its definition first: kubectl api-resources --namespaced",
    )
