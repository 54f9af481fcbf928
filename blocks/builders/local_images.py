"""Takes images that builds left in the engine away again; the registry has what was pushed."""

from collections.abc import Iterator
from datetime import datetime

import docker
from docker.errors import APIError

from blocks.builders.engine import KEY_LABEL
from blocks.engines import engine_errors
from slipway.canonical import JsonObject

CONFLICT = 409


def remove_built(
    engine: docker.DockerClient, before: datetime, app: str | None = None
) -> list[str]:
    """Remove images that a build tagged before then, unless a container uses them.

    Younger ones stay: they are the cache of the next build, or another build is at work on them.

    Args:
        before: with a time zone.
        app: only images of this one.

    Returns:
        The names that were removed.

    Raises:
        Unreachable, BuildFailed: the engine does not answer, or refuses.
    """
    with engine_errors("images that builds left"):
        found = engine.api.images(filters={"label": KEY_LABEL})
        return [
            name
            for image in found
            for name in names_of(image, app)
            if _tagged(engine, name) < before and _remove(engine, name)
        ]


def names_of(image: JsonObject, app: str | None) -> Iterator[str]:
    """Names of an image; with an app, those that lie below it in a registry. Pure."""
    for name in image.get("RepoTags") or ():
        if app is None or name.partition("/")[2].startswith(f"{app}/"):
            yield name


def _tagged(engine: docker.DockerClient, name: str) -> datetime:
    return datetime.fromisoformat(engine.api.inspect_image(name)["Metadata"]["LastTagTime"])


def _remove(engine: docker.DockerClient, name: str) -> bool:
    try:
        engine.api.remove_image(name)
    except APIError as error:
        if error.status_code != CONFLICT:
            raise
        return False
    return True
