"""Processes that outlive the command that started them, and can be found and stopped again.

Each is recorded with its start time, so that a recycled pid is never taken for ours, and carries
a mark in its environment that its descendants inherit, so that orphans are found as well.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydantic import BaseModel, ValidationError

from slipway.errors import DeadlineExceeded

MARK = "SLIPWAY_STACK_PROCESS"
GRACE = 10.0  # seconds between asking and killing
_LOG_TAIL = 15

# Run as `python -c ... LOG ARGV...`: prints the pid of a process of its own session, which is
# nobody's child. A shell's background job ignores SIGINT, and that survives exec: hence signals.
_LAUNCH = """
import os, signal, sys
child = os.fork()
if child:
    print(child)
    sys.exit(0)
os.setsid()
os.umask(0o077)
for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE):
    signal.signal(name, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, [])
log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
os.dup2(log, 1)
os.dup2(log, 2)
os.execvp(sys.argv[2], sys.argv[2:])
"""


class ProcessRecord(BaseModel):
    """A started process: its pid, and its start time in seconds since 1970."""

    name: str
    pid: int
    started: float
    argv: list[str]
    log: Path

    def process(self) -> psutil.Process | None:
        """The process itself, if it still runs."""
        try:
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.started) < 0.05
            return process if is_same and _runs(process) else None
        except psutil.Error:
            return None


@dataclass(frozen=True)
class Processes:
    """The processes of one stack; records are files in `folder`, output goes below `logs`."""

    folder: Path
    logs: Path

    def start(
        self, name: str, argv: list[str], environment: Mapping[str, str], *, mark: bool = True
    ) -> ProcessRecord:
        """Start it in a session of its own; one that runs with other arguments is replaced."""
        known = self.read(name)
        if known and known.process():
            if known.argv == argv:
                return known
            self.stop(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{name}.log"
        marks = {MARK: str(self.folder)} if mark else {}
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(log), *argv]
        done = subprocess.run(
            launcher,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env={**environment, **marks},
            check=True,
        )
        pid = int(done.stdout)
        created = psutil.Process(pid).create_time()
        record = ProcessRecord(name=name, pid=pid, started=created, argv=argv, log=log)
        self._path(name).write_text(record.model_dump_json())
        return record

    def read(self, name: str) -> ProcessRecord | None:
        """The record of that name, if there is one."""
        try:
            return ProcessRecord.model_validate_json(self._path(name).read_bytes())
        except (OSError, ValidationError):
            return None

    def is_running(self, name: str) -> bool:
        """Whether the process recorded under that name still runs."""
        record = self.read(name)
        return bool(record and record.process())

    def stop(self, name: str) -> bool:
        """Stop it and its descendants; whether it ran."""
        record = self.read(name)
        process = record.process() if record else None
        if process:
            stop_processes([process, *_descendants(process)], first=process)
        self._path(name).unlink(missing_ok=True)
        return process is not None

    def stop_orphans(self) -> int:
        """Stop what carries our mark and outlived its parent; how many there were."""
        orphans = [process for process in psutil.process_iter() if self._is_marked(process)]
        stop_processes(orphans)
        return len(orphans)

    def _is_marked(self, process: psutil.Process) -> bool:
        try:
            return process.pid != os.getpid() and process.environ().get(MARK) == str(self.folder)
        except (psutil.Error, OSError):
            return False

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def stop_processes(
    processes: Iterable[psutil.Process], first: psutil.Process | None = None
) -> None:
    """Ask (the first alone, as it stops its own), wait, then kill what is left."""
    everyone = list(processes)
    asked = [first] if first else everyone
    _send(asked, "terminate")
    _wait_for_end(asked, GRACE)
    left = _wait_for_end(everyone, 1)
    _send(left, "kill")
    _wait_for_end(left, GRACE)


def wait_until(
    is_ready: Callable[[], bool],
    what: str,
    deadline: float,
    *,
    record: ProcessRecord | None = None,
    evidence: Callable[[], list[str]] = list,
) -> None:
    """Ask five times a second until it is ready.

    Raises:
        DeadlineExceeded: not ready within `deadline` seconds, or its process ended; the tail of
            its log is the evidence.
    """
    end = time.monotonic() + deadline
    while not is_ready():
        has_ended = bool(record and not record.process())
        if has_ended or time.monotonic() > end:
            raise DeadlineExceeded(
                f"{what} {'ended' if has_ended else f'is not ready after {deadline:g} s'}",
                evidence=tail(record.log) if record else evidence(),
                next_step=f"see {record.log}" if record else "slipway down, then slipway up",
            )
        time.sleep(0.2)


def tail(log: Path, lines: int = _LOG_TAIL) -> list[str]:
    """The last lines of a log file."""
    return log.read_text(errors="replace").splitlines()[-lines:] if log.exists() else []


def _wait_for_end(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that still run after that time; one that init has not reaped yet runs no more."""
    end = time.monotonic() + seconds
    left = [process for process in processes if _runs(process)]
    while left and time.monotonic() < end:
        time.sleep(0.05)
        left = [process for process in left if _runs(process)]
    return left


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _send(processes: Iterable[psutil.Process], act: str) -> None:
    for process in processes:
        try:
            getattr(process, act)()
        except psutil.NoSuchProcess:
            continue
