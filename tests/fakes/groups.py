"""Which processes of a group still run."""

import os
import time
from pathlib import Path

import psutil


def running(group: Path, seconds: float = 2.0) -> list[int]:
    """Pids of the group whose number is in that file, once they had time to die.

    A process that only waits to be reaped is dead.
    """
    until = time.monotonic() + seconds
    while (found := _running(int(group.read_text()))) and time.monotonic() < until:
        time.sleep(0.02)
    return found


def _running(number: int) -> list[int]:
    alive = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == number and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return alive
