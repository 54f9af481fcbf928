"""A connection to a Docker engine, and its failures as ours."""

from collections.abc import Iterator
from contextlib import contextmanager

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from slipway.errors import BuildFailed, ImageMissing, Unreachable
from slipway.explanations import printable

ENGINE_SECONDS = 120


def connect_engine(host: str | None = None, seconds: int = ENGINE_SECONDS) -> docker.DockerClient:
    """A client of the engine at `host` (as DOCKER_HOST has it), or of the environment's.

    Raises:
        Unreachable: no engine answers.
    """
    with engine_errors("connect"):
        client = (
            docker.DockerClient(base_url=host, timeout=seconds)
            if host
            else docker.from_env(timeout=seconds)
        )
        client.ping()
        return client


@contextmanager
def engine_errors(what: str) -> Iterator[None]:
    """Turn the SDK's errors into ours: missing images, an engine that does not answer, the rest."""
    try:
        yield
    except (ImageNotFound, NotFound) as error:
        raise ImageMissing(f"engine: {what}: not found", found=_said(error)) from error
    except APIError as error:
        kind = Unreachable if error.is_server_error() else BuildFailed
        raise kind(f"engine: {what} failed", found=_said(error)) from error
    except (DockerException, requests.RequestException, OSError) as error:
        raise Unreachable(
            f"the Docker engine does not answer: {what}",
            found=type(error).__name__,
            next_step="start it (slipway doctor), or set DOCKER_HOST",
        ) from error


def _said(error: APIError) -> str:
    return printable(str(error.explanation or error))[:300]
