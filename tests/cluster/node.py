"""The first process of a cluster's namespaces: starts its daemons, reaps, and keeps them running.

    python node.py FOLDER

Reads FOLDER/daemons/NAME.json (`argv`, `environment`) and FOLDER/wanted/NAME, which holds
`running`, `paused` or `stopped`; writes FOLDER/state/NAME: the same word and how often it was
started. Standard library only, as it runs for as long as the cluster does.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

# The kubelet wants these. Files of our own in their place leave the machine's kernel alone.
KERNEL = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
# Programs of a node write here by fixed names.
OWN_FOLDERS = ("/run", "/var/lib", "/var/log")
PAUSE_BETWEEN_STARTS = 0.5


@dataclass
class Daemon:
    """One program: its process if it has one, and when it was last started."""

    name: str
    pid: int = 0
    is_paused: bool = False
    starts: int = 0
    started: float = 0.0

    @property
    def state(self) -> str:
        if not self.pid:
            return "stopped"
        return "paused" if self.is_paused else "running"


def next_act(wanted: str, state: str) -> str:
    """What brings a daemon from `state` to `wanted`: start, pause, resume, kill or nothing."""
    acts = {
        ("running", "stopped"): "start",
        ("running", "paused"): "resume",
        ("paused", "stopped"): "start",
        ("paused", "running"): "pause",
        ("stopped", "running"): "kill",
        ("stopped", "paused"): "kill",
    }
    return acts.get((wanted, state), "")


class Supervisor:
    """Keeps what is wanted and what runs the same."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemons: dict[str, Daemon] = {}
        self.said: dict[str, str] = {}

    def step(self) -> None:
        """Reap the dead, act once for each daemon, say what runs."""
        self._reap()
        for path in sorted((self.folder / "wanted").glob("*")):
            daemon = self.daemons.setdefault(path.name, Daemon(path.name))
            act = next_act(path.read_text().strip(), daemon.state)
            if act:
                getattr(self, f"_{act}")(daemon)
            self._say(daemon)

    def _reap(self) -> None:
        by_pid = {daemon.pid: daemon for daemon in self.daemons.values() if daemon.pid}
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid in by_pid:
                by_pid[pid].pid, by_pid[pid].is_paused = 0, False

    def _start(self, daemon: Daemon) -> None:
        if time.monotonic() - daemon.started < PAUSE_BETWEEN_STARTS:
            return
        spec = json.loads((self.folder / "daemons" / f"{daemon.name}.json").read_text())
        with (self.folder / "logs" / f"{daemon.name}.log").open("ab") as log:
            process = subprocess.Popen(
                spec["argv"],
                env=spec["environment"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        daemon.pid, daemon.started = process.pid, time.monotonic()
        daemon.starts += 1
        process.returncode = 0  # reaped by us, not by the object

    def _pause(self, daemon: Daemon) -> None:
        os.kill(daemon.pid, signal.SIGSTOP)
        daemon.is_paused = True

    def _resume(self, daemon: Daemon) -> None:
        os.kill(daemon.pid, signal.SIGCONT)
        daemon.is_paused = False

    def _kill(self, daemon: Daemon) -> None:
        os.kill(daemon.pid, signal.SIGKILL)

    def _say(self, daemon: Daemon) -> None:
        text = f"{daemon.state} {daemon.starts}"
        if self.said.get(daemon.name) == text:
            return
        new = self.folder / "state" / f".{daemon.name}"
        new.write_text(text)
        new.replace(self.folder / "state" / daemon.name)
        self.said[daemon.name] = text


def settle_in(folder: Path) -> None:
    """Mounts of our own, gone with us."""
    for path in OWN_FOLDERS:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", path], check=True)
    for name, value in KERNEL.items():
        target = Path("/proc/sys") / name
        if target.exists():
            source = folder / "kernel" / name.replace("/", ".")
            source.write_text(value + "\n")
            subprocess.run(["mount", "--bind", str(source), str(target)], check=True)


def main(folder: Path) -> None:
    os.umask(0o022)  # the root of an image takes its mode from here; its user must enter it
    for name in ("daemons", "wanted", "state", "logs", "kernel"):
        (folder / name).mkdir(exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    settle_in(folder)
    (folder / "state" / "node").write_text("running 1")
    supervisor = Supervisor(folder)
    while True:
        supervisor.step()
        time.sleep(0.1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
