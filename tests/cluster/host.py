"""The machine's side of a cluster: a process with namespaces of its own, a link, cgroups.

Argument lists are made by pure functions; each of the rest runs them.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from slipway.cli.stack.processes import Processes, ProcessRecord
from slipway.errors import Busy, Unreachable
from tests.cluster.layout import SLOTS, Layout

NODE_SCRIPT = Path(__file__).with_name("node.py")
UNSHARE = ["unshare", "--pid", "--mount", "--net", "--fork", "--kill-child", "--mount-proc", "--"]
CGROUPS = Path("/sys/fs/cgroup")


def node_argv(folder: Path) -> list[str]:
    """The first process of the namespaces; `--kill-child` ends them with the process we record."""
    return [*UNSHARE, sys.executable, "-I", "-S", str(NODE_SCRIPT), str(folder)]


def in_network(pid: int, *argv: str) -> list[str]:
    """A command in the network of the cluster whose process has this pid."""
    return ["nsenter", f"--net=/proc/{pid}/ns/net", "--", *argv]


def link_argv(layout: Layout, pid: int) -> list[str]:
    """Claims the slot: two links of one name cannot be."""
    peer = ["peer", "name", "eth0", "netns", str(pid)]
    return ["ip", "link", "add", layout.link, "type", "veth", *peer]


def network_argvs(layout: Layout, pid: int) -> list[list[str]]:
    """Addresses and routes on both sides. The cluster has no way out, so nothing hangs there."""
    inside = (
        ("ip", "link", "set", "lo", "up"),
        ("ip", "address", "add", f"{layout.node_address}/30", "dev", "eth0"),
        ("ip", "link", "set", "eth0", "up"),
        ("ip", "route", "add", layout.services, "dev", "eth0", "src", layout.node_address),
        ("sysctl", "-qw", "net.ipv4.ip_forward=1"),
        # each "unreachable" is told, so that none of them becomes a timeout
        ("sysctl", "-qw", "net.ipv4.icmp_ratelimit=0"),
    )
    way = ("via", layout.node_address)
    return [
        ["ip", "address", "add", f"{layout.host_address}/30", "dev", layout.link],
        ["ip", "link", "set", layout.link, "up"],
        *(in_network(pid, *argv) for argv in inside),
        ["ip", "route", "add", layout.pods, *way],
        ["ip", "route", "add", layout.services, *way],
    ]


def lacks_namespaces() -> str | None:
    """Why this machine cannot have a node of its own, with the next step, or nothing."""
    next_step = "name an existing cluster in SLIPWAY_TEST_KUBECONTEXT (kind, minikube, k3d)"
    if sys.platform != "linux" or os.geteuid() != 0:
        return f"a node of our own needs root on Linux; {next_step}"
    missing = [tool for tool in ("unshare", "nsenter", "ip", "sysctl") if not shutil.which(tool)]
    if missing:
        return f"{', '.join(missing)} not on PATH; install it, or {next_step}"
    done = subprocess.run([*UNSHARE, "true"], check=False, capture_output=True, text=True)
    return f"no namespaces: {done.stderr.strip()}; {next_step}" if done.returncode else None


def run(argv: list[str]) -> str:
    """Output of a command that must work.

    Raises:
        Unreachable: it did not; what it said is the evidence.
    """
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    if done.returncode:
        raise Unreachable(f"`{' '.join(argv)}` failed", evidence=done.stderr.splitlines()[-5:])
    return done.stdout


def processes(folder: Path) -> Processes:
    return Processes(folder / "processes", folder / "logs")


def start_node(folder: Path, caller: dict[str, str]) -> ProcessRecord:
    """The first process, once its mounts are its own."""
    environment = {"PATH": caller.get("PATH", os.defpath)}
    record = processes(folder).start("node", node_argv(folder), environment)
    until = time.monotonic() + 15
    while not (folder / "state" / "node").exists():
        if not record.process() or time.monotonic() > until:
            evidence = record.log.read_text(errors="replace").splitlines()[-5:]
            raise Unreachable("the cluster's first process did not start", evidence=evidence)
        time.sleep(0.02)
    return record


def claim_slot(folder: Path, pid: int) -> Layout:
    """The first slot that no other cluster of this machine has, with its link.

    Raises:
        Busy: all are taken.
    """
    for slot in range(SLOTS):
        layout = Layout(folder, slot)
        done = subprocess.run(link_argv(layout, pid), check=False, capture_output=True, text=True)
        if done.returncode == 0:
            return layout
        if "File exists" not in done.stderr:
            raise Unreachable("no network link for the cluster", found=done.stderr.strip())
    raise Busy(f"all {SLOTS} slots for test clusters are taken", next_step="ip link; down them")


def make_cgroups(layout: Layout) -> None:
    """The folder that all pods' cgroups are below, in each hierarchy."""
    for path in cgroup_folders(layout):
        path.mkdir(exist_ok=True)


def cgroup_folders(layout: Layout) -> list[Path]:
    """One in each controller's hierarchy (version 1), or the one there is (version 2)."""
    name = layout.cgroup.lstrip("/")
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS / name]
    return [path / name for path in sorted(CGROUPS.iterdir()) if path.is_dir()]


def remove_cgroups(layout: Layout) -> None:
    """Deepest first; the kernel lets go of a cgroup shortly after its last process."""
    until = time.monotonic() + 10
    for folder in cgroup_folders(layout):
        while folder.exists() and not _removed(folder):
            if time.monotonic() > until:
                raise Unreachable(f"cgroup {folder} is still in use")
            time.sleep(0.05)


def _removed(folder: Path) -> bool:
    try:
        for path in [*_below(folder), folder]:
            path.rmdir()
    except OSError:
        return False
    return True


def _below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield from _below(path)
            yield path


def remove_link(layout: Layout) -> None:
    """It goes with its namespace; this waits for that, and helps where it was never moved."""
    link = Path("/sys/class/net") / layout.link
    subprocess.run(["ip", "link", "delete", layout.link], check=False, capture_output=True)
    until = time.monotonic() + 5
    while link.exists() and time.monotonic() < until:
        time.sleep(0.02)


def end_node(folder: Path) -> int:
    """Kill the first process, and with it all; how many processes there were.

    Its pods have nothing to keep, so none is asked to end.
    """
    record = processes(folder).read("node")
    first = record.process() if record else None
    everyone = [first, *first.children(recursive=True)] if first else []
    if first:
        first.kill()
    psutil.wait_procs(everyone, timeout=15)
    return len(everyone) + processes(folder).stop_orphans()
