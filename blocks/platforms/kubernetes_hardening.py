"""What a generated pod gives up, and whether a pod template still does. Pure.

https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from collections.abc import Iterator

from slipway.canonical import JsonObject

HARDENED = "restricted, read-only root, no token"
_HOST = ("hostNetwork", "hostPID", "hostIPC")
_POD = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
# What a container may say of its own without opening more than its pod.
_NO_LOOSER: dict[str, tuple[object, ...]] = {
    "privileged": (None, False),
    "runAsUser": (None,),
    "runAsNonRoot": (None, True),
    "seccompProfile": (None, _POD["seccompProfile"]),
    "procMount": (None, "Default"),
}


def hardening(pod: JsonObject) -> str:
    """HARDENED, or the fields of a pod template that lack it or open more."""
    changed = list(_changed(pod))
    return f"changed: {', '.join(changed)}" if changed else HARDENED


def _changed(pod: JsonObject) -> Iterator[str]:
    own = pod.get("securityContext") or {}
    yield from (key for key, wanted in _POD.items() if own.get(key) != wanted)
    yield from (key for key in _HOST if pod.get(key))
    if pod.get("automountServiceAccountToken") is not False:
        yield "automountServiceAccountToken"
    volumes = pod.get("volumes") or []
    yield from (f"{volume['name']}.hostPath" for volume in volumes if "hostPath" in volume)
    for container in (*(pod.get("initContainers") or []), *pod["containers"]):
        yield from (f"{container['name']}.{key}" for key in _open(container))


def _open(container: JsonObject) -> Iterator[str]:
    own = container.get("securityContext") or {}
    yield from (key for key, wanted in _CONTAINER.items() if own.get(key) != wanted)
    yield from (key for key, allowed in _NO_LOOSER.items() if own.get(key) not in allowed)
