"""Resolves base images to digests, so that a moved tag is another input (F9)."""

from collections.abc import Callable
from dataclasses import dataclass

import docker
from docker.errors import APIError, ImageNotFound

from blocks.engines import engine_errors
from blocks.registries.hosts import DOCKER_HUB
from blocks.registries.logins import auth_config
from blocks.registries.oci import Registry
from blocks.registries.transport import Credentials
from slipway.errors import ImageMissing

Connect = Callable[[str], Registry]


@dataclass(frozen=True, slots=True)
class ImageName:
    """A base image as a Dockerfile names it; `host` is None where the name holds none."""

    host: str | None
    path: str
    tag: str
    digest: str | None


def parse_image(text: str) -> ImageName:
    """Split `[HOST/]PATH[:TAG][@DIGEST]` as Docker does. Pure."""
    rest, _, digest = text.partition("@")
    first, slash, remainder = rest.partition("/")
    named = bool(slash) and ("." in first or ":" in first or first == "localhost")
    host, rest = (first, remainder) if named else (None, rest)
    if host == "docker.io":
        host = None
    path, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        path, tag = rest, "latest"
    return ImageName(host, path, tag, digest or None)


class BaseResolver:
    """Answers what a base image's name means now.

    A name with a registry is asked there; a name without one is what the engine holds under it,
    or, where it holds nothing, Docker Hub's.
    """

    def __init__(
        self,
        engine: docker.DockerClient,
        connect: Connect,
        credentials: dict[str, Credentials],
    ) -> None:
        self._engine = engine
        self._connect = connect
        self._credentials = credentials

    def resolve(self, text: str) -> str:
        """What the Dockerfile's FROM line is pinned to, by digest where there is a registry.

        An image that only this engine holds keeps its name; see `identity`.

        Raises:
            ImageMissing: neither engine nor registry holds it.
            Unreachable: the registry did not answer.
        """
        name = parse_image(text)
        if name.digest or (name.host is None and self._local_id(text)):
            return text
        host = name.host or DOCKER_HUB
        path = name.path if name.host or "/" in name.path else f"library/{name.path}"
        with self._connect(host) as registry:
            digest = registry.head(path, name.tag)
        if digest is None:
            raise ImageMissing(
                f"base image {text} is nowhere",
                found=f"neither in the engine nor at {host}",
                next_step="correct FROM, or `slipway up` for the local base images",
                stage="build",
            )
        return f"{name.host or 'docker.io'}/{path}@{digest}"

    def identity(self, text: str, resolved: str) -> str:
        """What goes into the key: `NAME@sha256:...`, by image id for the engine's own images."""
        if "@" in resolved:
            return resolved
        return f"{text}@{self._local_id(text)}"

    def fetch(self, resolved: str) -> None:
        """Bring a pinned base into the engine, so that the build itself needs no credentials.

        Raises:
            ImageMissing: the registry lost it meanwhile.
            Unreachable: the engine or the registry did not answer.
        """
        if "@" not in resolved or self._local_id(resolved):
            return
        repository, _, digest = resolved.partition("@")
        login = auth_config(self._credentials.get(repository.partition("/")[0]))
        with engine_errors(f"pull of base image {resolved}"):
            self._engine.images.pull(repository, tag=digest, auth_config=login)

    def _local_id(self, text: str) -> str | None:
        with engine_errors(f"look up image {text}"):
            try:
                return self._engine.images.get(text).id
            except ImageNotFound:
                return None
            except APIError as error:
                if error.response is not None and error.response.status_code == 400:
                    return None
                raise
