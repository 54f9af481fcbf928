"""What a pod of a manifest leaves open, filled in. Pure.

A written key wins. Settings of security are merged key by key, lists of named things by their
names, and everything else is taken whole or not at all.
"""

import copy
from collections.abc import Callable, Mapping, Sequence

from slipway.canonical import Json, JsonObject
from slipway.manifest_pods import image_name

_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
_POD_KEYS = (
    "serviceAccountName",
    "automountServiceAccountToken",
    "enableServiceLinks",
    "terminationGracePeriodSeconds",
)
_RESTRICTED_POD = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
_RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def secure(pod: JsonObject) -> None:
    """Fill in what Pod Security `restricted` demands of any pod; in place."""
    _merge(pod, "securityContext", _RESTRICTED_POD)
    pod.setdefault("automountServiceAccountToken", False)
    for container in _containers(pod):
        _merge(container, "securityContext", _RESTRICTED)


def fill_pod(pod: JsonObject, name: str, generated: JsonObject, *, serving: bool) -> None:
    """Fill in a pod that runs the image `name`; in place.

    Args:
        generated: the pod specification that the platform would make for that image.
        serving: whether the pod stays and takes traffic, unlike that of a Job.
    """
    for key in _POD_KEYS:
        _leave_or_take(pod, generated, key)
    _merge(pod, "securityContext", generated.get("securityContext", {}))
    _add(pod, generated, "volumes", lambda volume: volume["name"])
    own = generated["containers"][0]
    for container in _containers(pod):
        if image_name(container["image"]) == name:
            _fill(container, own)
    for container in pod["containers"] if serving else ():
        if image_name(container["image"]) == name:
            _serve(container, own)


def _containers(pod: JsonObject) -> list[JsonObject]:
    return [*(pod.get("initContainers") or []), *pod["containers"]]


def _fill(container: JsonObject, own: JsonObject) -> None:
    _merge(container, "securityContext", own.get("securityContext", {}))
    for key in ("imagePullPolicy", "terminationMessagePolicy", "resources"):
        _leave_or_take(container, own, key)
    _add(container, own, "volumeMounts", lambda mount: mount["mountPath"])
    _add(container, own, "envFrom", repr)


def _serve(container: JsonObject, own: JsonObject) -> None:
    """Probes are one set: the author's, or those of the app file."""
    if not any(key in container for key in ("command", "args")):
        _leave_or_take(container, own, "args")
    _leave_or_take(container, own, "lifecycle")
    _add(container, own, "ports", lambda port: port["containerPort"])
    if not any(key in container for key in _PROBES):
        _take_probes(container, own)


def _take_probes(container: JsonObject, own: JsonObject) -> None:
    """A port that the author named otherwise is asked by its number."""
    named = {port.get("name") for port in container.get("ports") or []}
    numbers = {p["name"]: p["containerPort"] for p in own.get("ports", []) if "name" in p}
    for key in _PROBES:
        _leave_or_take(container, own, key)
        for handler in container.get(key, {}).values():
            port = handler.get("port") if isinstance(handler, dict) else None
            if port in numbers and port not in named:
                handler["port"] = numbers[port]


def _leave_or_take(into: JsonObject, generated: JsonObject, key: str) -> None:
    if key in generated:
        into.setdefault(key, copy.deepcopy(generated[key]))


def _merge(into: JsonObject, key: str, defaults: Mapping[str, Json]) -> None:
    written = into.get(key) or {}
    merged = {**copy.deepcopy(dict(defaults)), **written}
    for name, value in defaults.items():
        if isinstance(value, dict) and isinstance(written.get(name), dict):
            merged[name] = {**copy.deepcopy(value), **written[name]}
    into[key] = merged


def _add(
    into: JsonObject, generated: JsonObject, key: str, identity: Callable[[JsonObject], object]
) -> None:
    """The generated entries that are not there yet, behind those that are."""
    found: Sequence[JsonObject] = into.get(key) or []
    known = {identity(entry) for entry in found}
    missing = [copy.deepcopy(e) for e in generated.get(key, []) if identity(e) not in known]
    if found or missing:
        into[key] = [*found, *missing]
