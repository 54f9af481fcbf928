"""Rules for objects as such: who they are, whose they are, and hooks. Pure."""

import re
from collections.abc import Iterator, Mapping

from slipway.appfile_errors import Problem, closest
from slipway.canonical import JsonObject
from slipway.manifest_kinds import HOOK_KIND, group_of, instead_of, rank_of
from slipway.manifest_pods import templates_in
from slipway.strict_yaml import Path

PREFIX = "slipway.dev/"
WAVE = "slipway.dev/wave"
HOOK = "slipway.dev/hook"
HOOKS = ("pre-deploy", "post-deploy")
LONGEST_HOOK = 24 * 3600
WAVES = 100
HOOK_NAME = 50
"""Room for a dash and a release's id in the name of a Job, which labels its pods."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.:-]{0,251}[a-z0-9])?")
_KIND = re.compile(r"[A-Z][A-Za-z0-9]{0,62}")
_VERSION = re.compile(r"(?:[a-z0-9][a-z0-9.-]{0,200}/)?v[0-9][a-z0-9]{0,20}")
_OF_THE_CLUSTER = ("generateName", "managedFields", "resourceVersion", "uid", "ownerReferences")


def identity(document: JsonObject) -> tuple[str, str, str]:
    """Group, kind and name, as texts whatever the document holds."""
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return group_of(document), _shown(document.get("kind")), _shown(name)


def wave_of(document: JsonObject) -> int:
    """The wave of an object that keeps the rules; 0 where it names none."""
    return int(_annotations(document).get(WAVE, "0"))


def hook_of(document: JsonObject) -> str | None:
    """When a hook runs; None for an object that is no hook."""
    found = _annotations(document).get(HOOK)
    return str(found) if found is not None else None


def problems(document: JsonObject, namespace: str) -> Iterator[Problem]:
    """What is wrong with an object of the right shape."""
    yield from _kind(document, namespace)
    yield from _namespace(document, namespace)
    for rule in (_exported, _reserved, _wave, _hook, _rollout):
        yield from rule(document)


def shape_problems(document: JsonObject) -> Iterator[Problem]:
    """What every object needs and this one lacks."""
    yield from _matching(document, ("apiVersion",), _VERSION, "a version, as in apps/v1")
    yield from _matching(document, ("kind",), _KIND, "a kind, as in Deployment")
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        yield Problem(("metadata",), "missing", _shown(metadata), "metadata with a name")
        return
    yield from _matching(metadata, ("metadata", "name"), _NAME, "a name in lower case")
    for key in ("labels", "annotations"):
        texts = metadata.get(key, {})
        if not isinstance(texts, dict) or not all(isinstance(t, str) for t in texts.values()):
            yield Problem(("metadata", key), "not valid", "another shape", "texts by name")


def _matching(
    holder: JsonObject, path: Path, pattern: re.Pattern[str], allowed: str
) -> Iterator[Problem]:
    value = holder.get(str(path[-1]))
    if not isinstance(value, str) or not pattern.fullmatch(value):
        what = "missing" if value is None else "not valid"
        yield Problem(path, what, _shown(value), allowed)


def _kind(document: JsonObject, namespace: str) -> Iterator[Problem]:
    group, kind, name = identity(document)
    if rank_of(document) is None:
        found = f"{kind} of {group or 'the core'}"
        yield Problem(("kind",), "not taken from manifests", found, instead_of(kind))
    elif (group, kind) == ("", "Namespace") and name != namespace:
        yield Problem(("metadata", "name"), "another namespace", name, namespace)


def _namespace(document: JsonObject, namespace: str) -> Iterator[Problem]:
    found = document["metadata"].get("namespace", namespace)
    if found != namespace:
        path = ("metadata", "namespace")
        hint = "leave it out: Slipway fills it in"
        yield Problem(
            path, "another namespace than the environment's", _shown(found), namespace, hint
        )


def _exported(document: JsonObject) -> Iterator[Problem]:
    for key in _OF_THE_CLUSTER:
        if key in document["metadata"]:
            yield Problem(("metadata", key), "set by the cluster alone", key, "leave it out")


def _reserved(document: JsonObject) -> Iterator[Problem]:
    for path, metadata in _metadata_in(document):
        for part in ("labels", "annotations"):
            own = (WAVE, HOOK) if (*path, part) == ("metadata", "annotations") else ()
            for key in metadata.get(part) or {}:
                if key.startswith(PREFIX) and key not in own:
                    allowed = ", ".join(own) or "keys of your own"
                    what = "a key of Slipway's own"
                    yield Problem((*path, part, key), what, key, allowed, closest(key, own))


def _metadata_in(document: JsonObject) -> Iterator[tuple[Path, JsonObject]]:
    yield ("metadata",), document["metadata"]
    for path, template in templates_in(document):
        if isinstance(template.get("metadata"), dict):
            yield (*path, "metadata"), template["metadata"]


def _wave(document: JsonObject) -> Iterator[Problem]:
    text = _annotations(document).get(WAVE, "0")
    if not re.fullmatch(r"-?[0-9]{1,3}", text) or abs(int(text)) > WAVES:
        allowed = f"a whole number in quotes, -{WAVES} to {WAVES}"
        yield Problem(("metadata", "annotations", WAVE), "no wave", _shown(text), allowed)


def _hook(document: JsonObject) -> Iterator[Problem]:
    hook, path = hook_of(document), ("metadata", "annotations", HOOK)
    is_job = identity(document)[:2] == ("batch", HOOK_KIND)
    if hook is None:
        if is_job:
            what = "a Job runs once, so Slipway must know when"
            yield Problem(path, what, "nothing", ", ".join(HOOKS))
        return
    if hook not in HOOKS:
        yield Problem(path, "no hook", _shown(hook), ", ".join(HOOKS), closest(hook, HOOKS))
    if is_job:
        yield from _job(document)
    else:
        yield Problem(path, "only a Job can be a hook", _shown(document["kind"]), "kind: Job")


def _job(document: JsonObject) -> Iterator[Problem]:
    name, spec = document["metadata"]["name"], document.get("spec")
    if len(name) > HOOK_NAME:
        path = ("metadata", "name")
        yield Problem(path, "too long for a hook", name, f"at most {HOOK_NAME} characters")
    spec = spec if isinstance(spec, dict) else {}
    deadline = spec.get("activeDeadlineSeconds")
    if not _is_whole(deadline) or not 1 <= int(deadline or 0) <= LONGEST_HOOK:
        path = ("spec", "activeDeadlineSeconds")
        yield Problem(path, "a hook needs an end", _shown(deadline), f"1 to {LONGEST_HOOK}")
    if "ttlSecondsAfterFinished" in spec:
        path = ("spec", "ttlSecondsAfterFinished")
        what = "a hook that vanishes would run again"
        yield Problem(path, what, _shown(spec[path[1]]), "leave it out")


def _rollout(document: JsonObject) -> Iterator[Problem]:
    """There is one deadline, the app file's, and a paused Deployment never gets there."""
    spec = document.get("spec")
    if identity(document)[:2] != ("apps", "Deployment") or not isinstance(spec, dict):
        return
    if "progressDeadlineSeconds" in spec:
        path = ("spec", "progressDeadlineSeconds")
        what = "a second deadline"
        yield Problem(path, what, _shown(spec[path[1]]), "health.deadline in slipway.yaml")
    if spec.get("paused"):
        yield Problem(("spec", "paused"), "would never roll out", "true", "leave it out")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _annotations(document: JsonObject) -> Mapping[str, str]:
    metadata = document.get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return ascii(value[:80])[1:-1]
    return str(value)[:80] if isinstance(value, bool | int) else "another shape"
