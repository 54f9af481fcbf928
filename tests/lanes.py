"""Lanes: which tests need what, which were chosen, and what a machine lacks for them.

    unit     needs nothing; every unmarked test
    engine   a Docker engine
    prefect  a Prefect server of its own, a worker, for some a browser
    chaos    kills things: engine and prefect together
    jenkins  runs Jenkinsfiles: an engine, Java and Debian's groovy
    kubernetes  a cluster: one chosen by its context, else one of its own; and an engine

A test with two marks runs in the later lane and needs what both need.
A test that cannot run says why. Under CI that is a failure: a skipped proof is no proof.

Made a plugin by tests/conftest.py; the rest are pure functions.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.rig.jenkins.tools import lacks_groovy
from tests.workers import HOME, PROCESSES, locked

ROOT = Path(__file__).resolve().parent.parent
UNIT = "unit"
CLUSTER_ASKED = "cluster-asked-for"


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
    """A Docker engine must answer; where we may, one is installed and started.

    One process of a run does so; the others read what it found.
    """
    found = Path(os.environ[HOME]) / "engine"
    with locked("installing"):
        if not found.exists():
            done = run_engine("up")
            found.write_text(f"no Docker engine: {done.stdout.strip()}" if done.returncode else "")
    return found.read_text() or None


def engine_was_started() -> bool:
    """Whether a process of this run started one."""
    return (Path(os.environ[HOME]) / PROCESSES).exists()


def run_engine(act: str) -> subprocess.CompletedProcess[str]:
    """`up` or `down` of `tests.engine`; what it says while working goes to the terminal."""
    argv = [sys.executable, "-m", "tests.engine", act, os.environ[HOME]]
    return subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)


@cache
def lacks_jenkins() -> str | None:
    """Java and Groovy, installed where we may, and an engine."""
    with locked("installing"):
        reason = lacks_groovy()
    return reason or lacks_engine()


@cache
def lacks_cluster() -> str | None:
    """A Kubernetes cluster must run: one that was chosen, else one that is brought up."""
    reason = lacks_engine()
    if reason:
        return reason
    with locked("cluster"):
        (Path(os.environ[HOME]) / CLUSTER_ASKED).touch()
        done = run_cluster("ready")
    return None if done.returncode == 0 else f"no Kubernetes cluster: {done.stdout.strip()}"


def cluster_was_asked_for() -> bool:
    """Whether any process of this run asked, so that one may have been brought up."""
    return (Path(os.environ[HOME]) / CLUSTER_ASKED).exists()


def run_cluster(act: str) -> subprocess.CompletedProcess[str]:
    """`ready` or `release` of `tests.cluster`; what it says meanwhile goes to the terminal."""
    argv = [sys.executable, "-m", "tests.cluster", act]
    return subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)


LANES = {
    lane.name: lane
    for lane in (
        Lane(UNIT, "needs nothing beyond this tree", 120, lacks_nothing),
        Lane("engine", "needs a Docker engine", 240, lacks_engine),
        Lane("prefect", "starts Prefect servers and workers of its own", 240, lacks_nothing),
        Lane("chaos", "kills servers, workers, flows and engines' calls", 600, lacks_engine),
        Lane("jenkins", "runs the Jenkinsfile", 400, lacks_jenkins),
        Lane("kubernetes", "needs a Kubernetes cluster", 240, lacks_cluster),
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


def lacks(markers: Iterable[str]) -> str | None:
    """What keeps a test with these markers from running; all its lanes' needs count."""
    given = set(markers)
    return next(
        (why for lane in LANES.values() if lane.name in given and (why := lane.lacks())), None
    )


def strict(environment: os._Environ[str] | dict[str, str]) -> bool:
    """Whether a test that cannot run is a failure, as CI=true asks."""
    return environment.get("CI", "").lower() in {"1", "true", "yes"}
