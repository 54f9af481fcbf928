"""Values of a chart: written in the app file, filled in from the specification. Pure.

A text that is one reference, `${images.web.digest}`, takes the type of what it names; within a
longer text a reference becomes text. `$${` is a plain `${`.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from slipway.appfile_errors import Problem, closest
from slipway.canonical import Json, JsonObject, canonical_json
from slipway.strict_yaml import Path

if TYPE_CHECKING:
    from slipway.release import ReleaseSpec

VALUES_BYTES = 16 * 1024
_REFERENCE = re.compile(r"(\$?)\$\{([^{}]*)\}")
_OF_RELEASE = (
    *("app", "environment", "namespace", "service_account"),
    *("release", "secrets", "port", "replicas"),
)
_OF_IMAGE = ("images.{}", "images.{}.repository", "images.{}.digest", "images.{}.port", "config.{}")
_SECRET_KEY = re.compile(
    r"(?i).*(?:password|passwd|token|credentials|dsn|(?:api|secret|private|access)[-_]?key)"
)


def merged(base: Mapping[str, Json], over: Mapping[str, Json]) -> JsonObject:
    """Both, as Helm merges files of values: maps key by key, everything else is replaced."""
    return {**base, **{key: _merged(base.get(key), value) for key, value in over.items()}}


def _merged(base: Json, over: Json) -> Json:
    both_maps = isinstance(base, dict) and isinstance(over, dict)
    return merged(base, over) if both_maps else over


def references(images: Sequence[str]) -> list[str]:
    """What values may refer to in an app with these images."""
    return [*_OF_RELEASE, *(form.format(name) for name in images for form in _OF_IMAGE)]


def problems(values: Mapping[str, Json], images: Sequence[str]) -> Iterator[Problem]:
    """What cannot be filled in, or should not stand there; paths begin at the values."""
    known = references(images)
    if (size := len(json.dumps(dict(values), ensure_ascii=False).encode())) > VALUES_BYTES:
        allowed = f"{VALUES_BYTES} bytes; defaults belong into the chart"
        yield Problem((), "too much for values", f"{size} bytes", allowed)
    for path, value in _leaves(dict(values), ()):
        if isinstance(value, float):
            yield Problem(path, "a fraction has no one text", str(value), f'"{value}" in quotes')
        if not isinstance(value, str):
            continue
        named = [found for escape, found in _REFERENCE.findall(value) if not escape]
        for name in named:
            if name not in known:
                allowed, near = ", ".join(known), closest(name, known)
                yield Problem(path, "no such reference", ascii(name[:80]), allowed, near)
        if value and not named and _SECRET_KEY.fullmatch(str(path[-1])):
            what = "Helm keeps values where others read them, and this sounds like a secret"
            allowed = "an entry in `secrets`; a value may name the Secret, ${secrets}"
            yield Problem(path, what, str(path[-1]), allowed)


def filled(spec: "ReleaseSpec") -> JsonObject:
    """The values that a specification's chart is installed with."""
    known = _known(spec)
    values: JsonObject = spec.kubernetes.values if spec.kubernetes else {}
    return {key: _filled(value, known) for key, value in values.items()}


def flat(value: Json, path: str) -> dict[str, str]:
    """Each leaf by its dotted path, as text; an empty map or list is a leaf."""
    if isinstance(value, dict) and value:
        parts = [flat(inner, f"{path}.{key}") for key, inner in value.items()]
    elif isinstance(value, list) and value:
        parts = [flat(inner, f"{path}[{at}]") for at, inner in enumerate(value)]
    else:
        return {path: value if isinstance(value, str) else canonical_json(value).decode()}
    return {key: text for part in parts for key, text in part.items()}


def _known(spec: "ReleaseSpec") -> JsonObject:
    place = spec.kubernetes
    known: JsonObject = {
        "app": spec.target.app,
        "environment": spec.target.environment,
        "namespace": place.namespace if place else "",
        "service_account": place.service_account if place else "",
        "release": spec.id,
        "secrets": f"{spec.target.app}-secrets-{spec.secrets_id}" if spec.secrets else "",
        "port": spec.port,
        "replicas": spec.front_service.replicas,
    }
    for service in spec.services:
        repository, _, digest = service.image.partition("@")
        known |= {
            f"images.{service.name}": service.image,
            f"images.{service.name}.repository": repository,
            f"images.{service.name}.digest": digest,
            f"images.{service.name}.port": service.port,
            f"config.{service.name}": dict(service.config),
        }
    return known


def _filled(value: Json, known: Mapping[str, Json]) -> Json:
    if isinstance(value, dict):
        return {key: _filled(inner, known) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, known) for inner in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole and not whole[1]:
        return known[whole[2]]
    return _REFERENCE.sub(lambda found: _text(found, known), value)


def _text(found: re.Match[str], known: Mapping[str, Json]) -> str:
    if found[1]:
        return found[0][1:]
    named = known[found[2]]
    return named if isinstance(named, str) else canonical_json(named).decode()


def _leaves(value: Json, path: Path) -> Iterator[tuple[Path, Json]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _leaves(inner, (*path, at))
    else:
        yield path, value
