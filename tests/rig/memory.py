"""A limit of memory for what joins it: the kernel kills what asks for more (R9).

A control group of its own, of either version; nothing else of the machine is limited.
"""

import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path("/sys/fs/cgroup")
MIB = 1024 * 1024
JOIN = (
    "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid())); "
    "os.execvp(sys.argv[2], sys.argv[2:])"
)
# Asks for memory until it is killed; it ends by itself at a GiB, far above any limit of a test.
BALLOON = "kept = [bytearray(b'x') * (1 << 20) for _ in range(1024)]"


@dataclass(frozen=True)
class MemoryLimit:
    """Attributes: group, the control group's folder."""

    group: Path

    def join(self, pid: int) -> None:
        """From now on the process, and what it starts, is limited."""
        (self.group / "cgroup.procs").write_text(str(pid))

    def argv(self, argv: Sequence[str]) -> list[str]:
        """A command that runs the program below the limit."""
        return [sys.executable, "-c", JOIN, str(self.group / "cgroup.procs"), *argv]

    @property
    def kills(self) -> int:
        """How many processes the kernel killed for it."""
        files = (self.group / "memory.events", self.group / "memory.oom_control")
        text = next(file for file in files if file.exists()).read_text()
        lines = dict(line.split() for line in text.splitlines())
        return int(lines["oom_kill"])


@contextmanager
def memory_limit(mib: int) -> Iterator[MemoryLimit]:
    """A limit; the test is skipped where no control group can be made."""
    is_second = (ROOT / "cgroup.controllers").exists()
    group = (ROOT if is_second else ROOT / "memory") / f"slipway-test-{uuid.uuid4().hex[:8]}"
    try:
        group.mkdir()
        limit = "memory.max" if is_second else "memory.limit_in_bytes"
        (group / limit).write_text(str(mib * MIB))
        swap = group / ("memory.swap.max" if is_second else "memory.memsw.limit_in_bytes")
        if swap.exists():
            swap.write_text("0" if is_second else str(mib * MIB))
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        yield MemoryLimit(group)
    finally:
        remove(group)


def remove(group: Path, seconds: float = 10) -> None:
    """The kernel lets go of it once the last of its processes is gone."""
    until = time.monotonic() + seconds
    while (group / "cgroup.procs").read_text() and time.monotonic() < until:
        time.sleep(0.05)
    group.rmdir()
