"""The processes that share the tests: which one this is, what they share, and whose turn it is.

pytest-xdist starts them; without it there is one, which does all. They share one folder, where the
controller keeps what is had once for all of them: the engine's record and downloads.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOME = "SLIPWAY_TEST_HOME"
PROCESSES = "processes"  # in it: of the engine, if this run started one
# Taken out: a pytest that a test starts is nobody's worker.
NAME = os.environ.pop("PYTEST_XDIST_WORKER", "")
NUMBER = int(NAME.removeprefix("gw") or 0)


def shared_home() -> Path:
    """The folder of this run, made by the process that is nobody's worker."""
    if not NAME:
        os.environ[HOME] = tempfile.mkdtemp(prefix="slipway-tests-")
    return Path(os.environ[HOME])


@contextmanager
def locked(name: str, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock of that name; other processes of this run wait for it meanwhile.

    It is given back by name, since what a test forks holds the same open file.
    """
    with (Path(os.environ[HOME]) / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


@contextmanager
def turn(*, alone: bool) -> Iterator[None]:
    """The time of one test: beside tests of other workers, or beside none.

    Whoever wants to be alone shuts the door first, so that no new test begins while it waits.
    """
    if alone:
        with locked("door"), locked("room"):
            yield
    else:
        with locked("door"):
            pass
        with locked("room", shared=True):
            yield
