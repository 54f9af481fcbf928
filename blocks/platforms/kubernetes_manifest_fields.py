"""The fields of applied manifests: as they were rendered, and as the cluster has them. Pure.

Both sides are the same projection: of an object onto what its manifest says. What the server or a
controller adds beside that is no difference; what a person adds to containers and lists is one.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubernetes.utils.quantity import parse_quantity

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_scaling import scaled_fields
from blocks.platforms.kubernetes_supporting import config_map
from blocks.platforms.kubernetes_workload import settings_of
from slipway.canonical import JsonObject, content_digest
from slipway.manifest_documents import PREFIX, identity
from slipway.manifest_kinds import HOOK_KIND
from slipway.release import ReleaseSpec

ADDED = "(added)"
LONGEST = 160
Found = Mapping[tuple[str, str, str], JsonObject]
_NOT_COMPARED = ("apiVersion", "kind", "status")
_LABELLING = ("labels", "annotations")
_QUANTITIES = {
    *("limits", "requests", "hard", "used", "capacity", "default", "defaultRequest"),
    *("max", "min", "sizeLimit", "averageValue", "maxLimitRequestRatio"),
}
_OF_CONTAINERS = ("args", "command", "env", "envFrom", "lifecycle", "volumeMounts")
_OF_PODS = ("initContainers", "volumes")
_KEYS = ("name", "mountPath", "containerPort")


def fields_of(spec: ReleaseSpec, objects: Sequence[JsonObject], found: Found) -> dict[str, str]:
    """The fields of a release's objects as they were found, on whatever the objects say.

    Given the objects themselves as found, these are the fields that are wanted.

    Args:
        objects: as rendered; hooks are left out, since they end.
        found: objects and ConfigMaps of config, by group, kind and name.
    """
    fields = {"namespace": names.namespace_of(spec)} | config_fields(spec, found)
    for wanted in objects:
        group, kind, name = identity(wanted)
        if (group, kind) == ("batch", HOOK_KIND):
            continue
        own = found.get((group, kind, name))
        prefix = f"{kind}/{name}" if group != "" or kind != "Namespace" else "Namespace"
        fields |= {prefix + path: text for path, text in project(comparable(wanted), own)}
        if own is not None:
            fields[prefix] = "present"
    return fields | dict(scaled_fields(objects, found))


def wanted_fields(spec: ReleaseSpec, objects: Sequence[JsonObject]) -> dict[str, str]:
    """The fields that a cluster shows where the release runs."""
    configs = [config_map(spec, service) for service in spec.services if service.config]
    found = {identity(made): made for made in (*objects, *configs)}
    return settings_of(spec) | fields_of(spec, objects, found)


def config_fields(spec: ReleaseSpec, found: Found) -> dict[str, str]:
    """The config of each service, out of the ConfigMap that holds this version of it."""
    fields = {}
    for service in spec.services:
        own = found.get(("", "ConfigMap", names.config_name(service))) or {}
        for key, value in (own.get("data") or {}).items() if service.config else ():
            fields[f"{service.name}.config.{key}"] = shown(value)
    return fields


def comparable(wanted: JsonObject) -> JsonObject:
    """What of a manifest is compared: not who and of which release it is, which its labels tell."""
    kept = {key: value for key, value in wanted.items() if key not in _NOT_COMPARED}
    metadata = {k: v for k, v in wanted["metadata"].items() if k in _LABELLING}
    return {**kept, "metadata": metadata}


def project(wanted: Any, found: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Path and text of each field that `wanted` says, as `found` has it."""
    if isinstance(wanted, dict):
        yield from _of_map(wanted, found if isinstance(found, dict) else {}, path)
    elif isinstance(wanted, list) and wanted and all(isinstance(one, dict) for one in wanted):
        yield from _of_list(wanted, found if isinstance(found, list) else [], path)
    elif wanted == [] and found:
        yield path, ADDED
    elif wanted is not None and wanted != [] and (text := _text(wanted, found, path)) is not None:
        yield path, text


def _of_map(wanted: JsonObject, found: JsonObject, path: str) -> Iterator[tuple[str, str]]:
    is_labelling = path.endswith(_LABELLING)
    for key, value in wanted.items():
        if not (is_labelling and _is_ours(key)):
            yield from project(value, found.get(key), f"{path}.{key}")
    watched = _OF_CONTAINERS if "image" in wanted else _OF_PODS if "containers" in wanted else ()
    for key in watched:
        if key not in wanted and found.get(key):
            yield f"{path}.{key}", ADDED
    if not wanted and found and path.endswith("elector"):
        yield path, ADDED


def _is_ours(key: str) -> bool:
    return key.startswith(PREFIX) or key in (names.MANAGED_BY, names.CHANGE_CAUSE)


def _of_list(wanted: list[Any], found: list[Any], path: str) -> Iterator[tuple[str, str]]:
    key = next((k for k in _KEYS if _names(wanted, k) and _names(found, k)), None)
    if key is None:
        for number, one in enumerate(wanted):
            there = found[number] if number < len(found) else None
            yield from project(one, there, f"{path}[{number}]")
        for number in range(len(wanted), len(found)):
            yield f"{path}[{number}]", ADDED
        return
    there_by = {one[key]: one for one in found}
    for one in wanted:
        yield from project(one, there_by.get(one[key]), f"{path}[{one[key]}]")
    for name in sorted(map(str, there_by.keys() - {one[key] for one in wanted})):
        yield f"{path}[{name}]", ADDED


def _names(entries: list[Any], key: str) -> bool:
    """Whether the key tells each entry from the others."""
    if not all(isinstance(one, dict) and one.get(key) is not None for one in entries):
        return False
    return len({str(one[key]) for one in entries}) == len(entries)


def _text(wanted: Any, found: Any, path: str) -> str | None:
    if found is None:
        # The server leaves out what is empty.
        return shown(wanted) if wanted in ("", 0, False) else None
    return shown(wanted if _is_same(wanted, found, path) else found)


def _is_same(wanted: Any, found: Any, path: str) -> bool:
    if wanted == found or str(wanted) == str(found):
        return True
    if not _QUANTITIES & set(path.replace("[", ".").split(".")):
        return False
    try:
        return bool(parse_quantity(str(wanted)) == parse_quantity(str(found)))
    except ValueError:
        return False


def shown(value: Any) -> str:
    """A field's text; a long one is told by its digest."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= LONGEST else content_digest(text)
