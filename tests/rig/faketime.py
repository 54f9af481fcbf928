"""Another wall clock for one process and its children, by Debian's libfaketime (R8).

It is unpacked, never installed, and nothing of the machine's clock changes. The monotonic clock
runs as ever, so deadlines and pauses last as long as they say. For Python's programs; one that asks
the kernel itself, as Go's do, keeps the machine's time.

    with another_clock(tmp_path / "clock", hours(3)) as clock:
        subprocess.Popen(argv, env={**os.environ, **clock.environment})
        clock.set(hours(-3))    # what runs sees the step at its next look at the time
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

import psutil

from slipway.cli.stack import packages
from slipway.cli.stack.settings import default_cache
from tests.cluster.cache import make_once

PACKAGE = "libfaketime"
SHARED_MEMORY = Path("/dev/shm")
NO_STEP = timedelta()


@cache
def find_faketime() -> Path:
    """The library, unpacked once into the user's cache.

    Raises:
        BadInput: not Debian 12.
        Unreachable: the package servers do not answer.
    """

    def make(folder: Path) -> None:
        for deb in packages.obtain([PACKAGE], default_cache()):
            if deb.name.startswith(f"{PACKAGE}_"):
                subprocess.run(["dpkg-deb", "--extract", str(deb), str(folder)], check=True)

    name = f"{PACKAGE}-debian-{packages.DISTRIBUTION[1]}"
    home = make_once(default_cache() / "faketime" / name, make)
    return next(home.glob("usr/lib/*/faketime/libfaketime.so.1"))


def hours(count: float) -> timedelta:
    """A step of the clock; below zero it goes back."""
    return timedelta(hours=count)


# The library (0.9.10) spoils `clock_nanosleep` while it leaves the monotonic clock alone.
SLEEP = """import select
import time

time.sleep = lambda seconds: select.select((), (), (), seconds) and None
"""


@dataclass
class Clock:
    """A wall clock that is `step` ahead of the machine's, or behind it.

    `folder` holds it; whoever runs with its `environment` lives by it.
    """

    folder: Path
    step: timedelta = NO_STEP

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "sitecustomize.py").write_text(SLEEP)
        self.set(self.step)

    def set(self, step: timedelta) -> None:
        """Move it to so far from the machine's clock, also for what runs already."""
        self.step = step
        fresh = self.folder / "clock.new"
        fresh.write_text(f"{step.total_seconds():+.0f}s\n")
        fresh.replace(self.folder / "clock")  # nobody reads half of it

    @property
    def environment(self) -> dict[str, str]:
        """What a process gets beside its own variables, to live by this clock."""
        paths = [str(self.folder), os.environ.get("PYTHONPATH", "")]
        return {
            "LD_PRELOAD": str(find_faketime()),
            "FAKETIME_TIMESTAMP_FILE": str(self.folder / "clock"),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        }


@contextmanager
def another_clock(folder: Path, step: timedelta = NO_STEP) -> Iterator[Clock]:
    """A clock; nothing that was killed under it leaves shared memory behind."""
    try:
        yield Clock(folder, step)
    finally:
        remove_leftovers()


def remove_leftovers() -> None:
    """Shared memory that the library made for processes that were killed since."""
    for file in SHARED_MEMORY.glob("*faketime_s??_*"):
        if not psutil.pid_exists(int(file.name.rpartition("_")[2])):
            file.unlink(missing_ok=True)
