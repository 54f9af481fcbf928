"""Pods inside of manifests, wherever a kind keeps them. Pure."""

from collections.abc import Iterator
from typing import Any

from slipway.canonical import Json, JsonObject
from slipway.strict_yaml import Path

CONTAINER_KEYS = ("initContainers", "containers", "ephemeralContainers")


def objects_in(value: Json, path: Path = ()) -> Iterator[tuple[Path, JsonObject]]:
    """Every object in a value, from the outside in."""
    if isinstance(value, dict):
        yield path, value
        for key, item in value.items():
            yield from objects_in(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from objects_in(item, (*path, index))


def templates_in(document: JsonObject) -> Iterator[tuple[Path, JsonObject]]:
    """Every pod template, by its shape: an object whose `spec` holds containers."""
    for path, item in objects_in(document):
        spec = item.get("spec")
        if isinstance(spec, dict) and isinstance(spec.get("containers"), list):
            yield path, item


def containers_in(document: JsonObject) -> Iterator[tuple[Path, JsonObject]]:
    """Every container of whatever kind, also where no template surrounds it."""
    for path, item in objects_in(document):
        for key in CONTAINER_KEYS:
            yield from _items((*path, key), item.get(key))


def _items(path: Path, value: Any) -> Iterator[tuple[Path, JsonObject]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, dict):
                yield (*path, index), item


def image_name(text: str) -> str:
    """The app file's name of an image, as manifests may write it: `web` or `slipway.dev/web`."""
    return text.removeprefix("slipway.dev/")
