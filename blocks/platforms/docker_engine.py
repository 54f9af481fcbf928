"""The connection to a Docker engine, and its failures in Slipway's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import docker
from docker.errors import APIError, DockerException, NotFound, TLSParameterError
from docker.utils import kwargs_from_env
from requests.exceptions import RequestException

from slipway.canonical import JsonObject
from slipway.errors import Cause, SlipwayError, StepFailed, Unreachable

SECONDS = 30


def open_engine(host: str | None, seconds: int | None = SECONDS) -> docker.APIClient:
    """A client of the engine at `host`, else at DOCKER_HOST, else at the local socket.

    Raises:
        Unreachable: no engine answers there.
    """
    with engine_errors(f"Docker engine at {host or 'DOCKER_HOST or the local socket'}"):
        settings: dict[str, Any] = {"base_url": host} if host else {**kwargs_from_env()}
        # None waits for ever, which the stubs do not know.
        return docker.APIClient(version="auto", timeout=cast(int, seconds), **settings)


@contextmanager
def engine_errors(doing: str) -> Iterator[None]:
    """Turns what the SDK raises into errors of `slipway.errors`.

    Raises:
        Unreachable: the engine did not answer, or failed inside.
        StepFailed: the engine refused.
    """
    try:
        yield
    except SlipwayError:
        raise
    except APIError as error:
        raise api_failure(doing, error) from error
    except (DockerException, TLSParameterError, RequestException, OSError) as error:
        raise Unreachable(
            f"{doing}: the Docker engine did not answer",
            found=f"{type(error).__name__}: {error}"[:300],
            next_step="start the engine, or correct DOCKER_HOST or the block's host",
        ) from error


def api_failure(doing: str, error: APIError) -> SlipwayError:
    """The engine's refusal as one of our errors; a server error may pass, a refusal does not."""
    found = str(error.explanation or error)[:400]
    status = error.response.status_code if error.response is not None else 0
    if status in (401, 403):
        return StepFailed(f"{doing}: the engine denied it", found=found, cause=Cause.PERMISSION)
    if status >= 500 and not _final(found):
        return Unreachable(f"{doing}: the Docker engine failed", found=found)
    return StepFailed(f"{doing}: the Docker engine refused", found=found)


def _final(explanation: str) -> bool:
    """Whether a server error of the engine would come again: it reports bad requests so, too."""
    words = ("no space left", "permission denied", "not found", "oci runtime", "invalid", "in use")
    return any(word in explanation.lower() for word in words)


def inspect_or_none(api: docker.APIClient, name: str) -> JsonObject | None:
    """The container's inspect document, or None where there is none."""
    try:
        return dict(api.inspect_container(name))
    except NotFound:
        return None
