"""Lanes: which tests need what, which were chosen, and what a machine lacks for them.

    unit     needs nothing; every unmarked test
    engine   a Docker engine
    prefect  a Prefect server of its own, a worker, for some a browser
    chaos    kills things: engine and prefect together

A test that cannot run says why. Under CI that is a failure: a skipped proof is no proof.

Made a plugin by tests/conftest.py; the rest are pure functions.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

UNIT = "unit"


@dataclass(frozen=True)
class Lane:
    """`lacks` says what is missing on this machine and the next step, or nothing."""

    name: str
    about: str
    seconds: int
    lacks: Callable[[], str | None]


@cache
def lacks_nothing() -> str | None:
    return None


@cache
def lacks_engine() -> str | None:
    """A Docker engine must answer where the client's settings say."""
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=10)
    except DockerException as error:
        return f"no Docker engine answers ({error}): start it, or run `make up`"
    try:
        client.ping()
    except (DockerException, OSError) as error:
        return f"the Docker engine does not answer ({error}): start it, or run `make up`"
    finally:
        client.close()
    return None


LANES = {
    lane.name: lane
    for lane in (
        Lane(UNIT, "needs nothing beyond this tree", 60, lacks_nothing),
        Lane("engine", "needs a Docker engine", 240, lacks_engine),
        Lane("prefect", "starts Prefect servers and workers of its own", 240, lacks_nothing),
        Lane("chaos", "kills servers, workers, flows and engines' calls", 600, lacks_engine),
    )
}


class UnknownLaneError(ValueError):
    """A name that is no lane."""


def chosen(text: str) -> list[str]:
    """Lane names of a comma-separated list, in the order they run.

    Raises:
        UnknownLaneError: names the word and the lanes there are.
    """
    words = {word.strip() for word in text.split(",") if word.strip()}
    unknown = sorted(words - LANES.keys())
    if unknown or not words:
        found = ", ".join(unknown) or "nothing"
        raise UnknownLaneError(f"LANES: {found} is no lane; there are {', '.join(LANES)}")
    return [name for name in LANES if name in words]


def lane_of(markers: Iterable[str]) -> str:
    """The lane of a test with these markers: the last in the order of `LANES`, else unit."""
    given = set(markers)
    return next((name for name in reversed(LANES) if name in given), UNIT)


def strict(environment: os._Environ[str] | dict[str, str]) -> bool:
    """Whether a test that cannot run is a failure, as CI=true asks."""
    return environment.get("CI", "").lower() in {"1", "true", "yes"}
