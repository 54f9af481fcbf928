"""Who else than Slipway wrote a field of a release, out of the objects' managedFields. Pure.

https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_observe import Seen, front_service, of_release, serving_id
from blocks.platforms.kubernetes_owners import OURS
from slipway.canonical import JsonObject

Path = tuple[str, ...]

# last part of a field of a service, to the words that its path in the Deployment holds
WORDS: Mapping[str, tuple[str, ...]] = {
    "image": ("image",),
    "replicas": ("replicas",),
    "memory": ("memory",),
    "cpu": ("cpu",),
    "user": ("runAsUser",),
    "hardening": ("securityContext", "automountServiceAccountToken", "hostNetwork", "hostPID"),
    "stop": ("terminationGracePeriodSeconds",),
    "port": ("ports",),
    "command": ("command", "args"),
    "paused": ("paused",),
}


def managers(seen: Seen, fields: Iterable[str]) -> dict[str, str]:
    """Each field to who wrote it; to all who wrote into its object, where no path tells."""
    workloads = of_release(seen.deployments, serving_id(seen) or "") or list(seen.deployments)
    front = front_service(seen)
    found: dict[str, str] = {}
    for field in fields:
        service, words = _place(field)
        own = [made for made in workloads if service in ("", _service(made))]
        own += seen.routes if service == "route" else ()
        objects = [front] if field == "port" and front else own
        if written := _writers(objects, words):
            found[field] = " or ".join(written)
    return found


def _service(deployment: JsonObject) -> str:
    metadata = deployment["metadata"]
    return str((metadata.get("labels") or {}).get(names.SERVICE, metadata["name"]))


def _place(field: str) -> tuple[str, tuple[str, ...]]:
    """The service that a field belongs to, or empty, and words of its path."""
    service, dot, rest = field.partition(".")
    if not dot or service == "health":
        return "", ()
    kind, _, variable = rest.partition(".")
    return service, (variable, "envFrom") if kind == "config" else WORDS.get(rest, ())


def _writers(objects: Sequence[JsonObject], words: Sequence[str]) -> list[str]:
    written = [(who, path) for made in objects for who, path in foreign_paths(made)]
    exact = {who for who, path in written if any(word in path for word in words)}
    return sorted(exact or {who for who, _ in written})


def foreign_paths(made: JsonObject) -> Iterator[tuple[str, Path]]:
    """Manager and path of each field that neither Slipway nor the control plane wrote."""
    for entry in made["metadata"].get("managedFields") or []:
        who = str(entry.get("manager"))
        if who not in OURS and entry.get("subresource") != "status":
            for path in _leaves(entry.get("fieldsV1") or {}):
                yield who, path


def _leaves(fields: JsonObject, above: Path = ()) -> Iterator[Path]:
    for name, below in fields.items():
        if name != ".":
            path = (*above, _word(name))
            yield from _leaves(below, path) if below else (path,)


def _word(name: str) -> str:
    """`f:image` as image, and `k:{"name":"web"}` as web."""
    kind, _, text = name.partition(":")
    if kind != "k":
        return text
    key = json.loads(text)
    return str(key.get("name", text))
