"""Rules that keep a manifest from leaving its namespace or carrying a secret. Pure.

The bans of the Pod Security Standards, baseline and restricted, wherever a kind keeps a pod:
https://kubernetes.io/docs/concepts/security/pod-security-standards/
What they demand on top is filled in as the manifests are rendered.
"""

import re
from collections.abc import Iterator

from slipway.appfile_checks import sounds_secret
from slipway.appfile_errors import Problem
from slipway.canonical import Json, JsonObject
from slipway.manifest_documents import identity
from slipway.manifest_pods import objects_in
from slipway.strict_yaml import Path

_NEVER_TRUE = {
    "hostNetwork": "the node's network",
    "hostPID": "the node's processes",
    "hostIPC": "the node's memory",
    "hostProcess": "the node itself",
    "privileged": "all rights on the node",
    "allowPrivilegeEscalation": "more rights than at the start",
}
_NEVER_FALSE = {"runAsNonRoot": "root in a container"}
_NEVER_ROOT = ("runAsUser", "runAsGroup", "fsGroup")
_NEVER = {
    "hostPath": "a folder of the node",
    "hostPort": "a port of the node",
    "procMount": "another view of the node's processes",
}
_CAPABILITIES = {"NET_BIND_SERVICE"}
_VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image"),
    *("persistentVolumeClaim", "projected", "secret"),
}
_WORD = re.compile(r"[^A-Za-z0-9]+")


def problems(document: JsonObject) -> Iterator[Problem]:
    """What a document asks for that no pod of an app gets."""
    if identity(document)[:2] == ("", "ConfigMap"):
        yield from _config(document)
        return
    for path, item in objects_in(document):
        for key, value in item.items():
            yield from _asks((*path, key), key, value)
        yield from _env(path, item)
        if isinstance(item.get("containers"), list):
            yield from _volumes(path, item.get("volumes"))


def _asks(path: Path, key: str, value: Json) -> Iterator[Problem]:
    if key in _NEVER and value not in (None, "Default"):
        yield Problem(path, f"asks for {_NEVER[key]}", _shown(value), "leave it out")
    elif key in _NEVER_TRUE and value not in (None, False):
        yield Problem(path, f"asks for {_NEVER_TRUE[key]}", _shown(value), "false, or leave it out")
    elif key in _NEVER_FALSE and value not in (None, True):
        yield Problem(path, f"asks for {_NEVER_FALSE[key]}", _shown(value), "true, or leave it out")
    elif key in _NEVER_ROOT and value == 0:
        yield Problem(path, "asks for root", "0", "a number from 1 on")
    elif key in ("seccompProfile", "appArmorProfile") and isinstance(value, dict):
        if value.get("type") == "Unconfined":
            yield Problem(
                (*path, "type"), "asks for no confinement", "Unconfined", "RuntimeDefault"
            )
    elif key == "capabilities" and isinstance(value, dict):
        yield from _capabilities(path, value)


def _capabilities(path: Path, value: JsonObject) -> Iterator[Problem]:
    added = value.get("add") or []
    asked = [str(one)[:40] for one in added if one not in _CAPABILITIES]
    if asked:
        allowed = ", ".join(_CAPABILITIES)
        yield Problem((*path, "add"), "asks for rights of root", ", ".join(asked), allowed)


def _volumes(path: Path, volumes: Json) -> Iterator[Problem]:
    for index, volume in enumerate(volumes if isinstance(volumes, list) else ()):
        kinds = set(volume) - {"name"} if isinstance(volume, dict) else {"no volume"}
        for kind in sorted(kinds - _VOLUMES - set(_NEVER)):
            allowed = ", ".join(sorted(_VOLUMES))
            yield Problem((*path, "volumes", index), "not a volume for a pod", kind, allowed)


def _env(path: Path, item: JsonObject) -> Iterator[Problem]:
    """A value written out under a secret's name; files and references are fine."""
    entries = item.get("env")
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        name = entry.get("name") if isinstance(entry, dict) else None
        if isinstance(name, str) and entry.get("value") and sounds_secret(name):
            yield _secret((*path, "env", index), name)


def _config(document: JsonObject) -> Iterator[Problem]:
    for part in ("data", "binaryData"):
        keys = document.get(part)
        for key in keys if isinstance(keys, dict) else ():
            if sounds_secret(_WORD.sub("_", key)):
                yield _secret((part, key), key)


def _secret(path: Path, name: str) -> Problem:
    return Problem(
        path,
        "manifests are not secret, and this name sounds like one",
        found=ascii(name[:80])[1:-1],
        allowed="an entry in `secrets` of slipway.yaml, read from /run/secrets/NAME",
    )


def _shown(value: Json) -> str:
    return str(value)[:80] if isinstance(value, str | int | bool) else "keys with values"
