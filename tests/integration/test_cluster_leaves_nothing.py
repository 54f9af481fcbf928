"""What a test cluster leaves on the machine: nothing, however it ends.

Each test brings up one of its own, beside the one that the other tests use.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.cluster import cluster, host
from tests.cluster.binaries import ensure_binaries
from tests.cluster.config import PAUSE_IMAGE
from tests.cluster.node import KERNEL, OWN_FOLDERS
from tests.lanes import ROOT

pytestmark = [pytest.mark.kubernetes, pytest.mark.alone]
SYSCTLS = [*KERNEL, "net/ipv4/ip_forward", "net/netfilter/nf_conntrack_max"]
NODE_FOLDERS = ("/var/lib/cni", "/run/netns", "/run/containerd", "/var/log/pods")
# Of engines and of other clusters, which come and go beside us.
OTHERS = ("docker", "veth", "br-", "/var/lib/containerd")
SLOT = re.compile(r"slipwaytest(\d+)|slipway-test-(\d+)")


def output(*argv: str) -> list[str]:
    environment = ensure_binaries(print).environment(os.environ)
    done = subprocess.run(argv, check=True, capture_output=True, text=True, env=environment)
    return done.stdout.splitlines()


def own_lines(lines: Iterable[str]) -> list[str]:
    return sorted(line for line in lines if not any(word in line for word in OTHERS))


def without_others(lines: list[str], slot: int | None) -> list[str]:
    """The lines but for those of clusters in other slots."""
    return [
        line
        for line in lines
        if (found := SLOT.search(line)) is None or int(found[1] or found[2]) == slot
    ]


def entries(*folders: Path) -> list[str]:
    return own_lines(str(path) for one in folders if one.exists() for path in one.iterdir())


def traces() -> dict[str, list[str]]:
    """What a node could leave behind, by its kind."""
    values = [Path("/proc/sys") / name for name in SYSCTLS]
    return {
        "mounts": own_lines(Path("/proc/mounts").read_text().splitlines()),
        "links": entries(Path("/sys/class/net")),
        "routes": own_lines(output("ip", "route")),
        "firewall tables": output("nft", "list", "tables"),
        "sysctls": [f"{path}={path.read_text()}" for path in values if path.exists()],
        "cgroups": own_lines(str(path) for path in host.CGROUPS.glob("*/*/")),
        "files": entries(*(Path(name) for name in (*OWN_FOLDERS, *NODE_FOLDERS))),
    }


def processes_of(folder: Path) -> list[str]:
    """Whatever runs with that folder in its arguments or its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), *process.environ().values()]
        except psutil.Error:
            continue
        if process.pid != os.getpid() and any(str(folder) in word for word in words):
            found.append(" ".join(process.cmdline()))
    return found


@dataclass
class Bed:
    """A folder for a cluster, and the slot that it had."""

    folder: Path
    slot: int | None = None

    def down(self) -> int:
        layout = cluster.read_layout(self.folder)
        self.slot = layout.slot if layout else self.slot
        return cluster.down(self.folder)


@pytest.fixture
def bed() -> Iterator[Bed]:
    """A short path; the machine must be as before once the cluster in it is down."""
    before = traces()
    with tempfile.TemporaryDirectory(prefix="sc-") as outer:
        made = Bed(Path(outer) / "c")
        try:
            yield made
        finally:
            made.down()
    assert made.slot is not None
    for kind, lines in traces().items():
        left = without_others(lines, made.slot)
        assert left == without_others(before[kind], made.slot), kind


def sleeping_pod() -> dict[str, object]:
    """A pod that mounts a secret, of the one image that a node has by itself."""
    container = {
        "name": "sleeper",
        "image": PAUSE_IMAGE,
        "imagePullPolicy": "Never",
        "volumeMounts": [{"name": "keys", "mountPath": "/keys"}],
    }
    volumes = [{"name": "keys", "secret": {"secretName": "keys"}}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "sleeper"},
        "spec": {"containers": [container], "volumes": volumes},
    }


def kubectl(folder: Path, *arguments: str, given: str = "") -> str:
    program = ensure_binaries(print).kubectl
    argv = [str(program), f"--kubeconfig={folder / 'kubeconfig'}", *arguments]
    done = subprocess.run(argv, input=given, check=True, capture_output=True, text=True)
    return done.stdout


def test_down_leaves_nothing_of_a_cluster_with_pods(bed: Bed) -> None:
    folder = bed.folder
    layout = cluster.up(folder, print)
    starts = cluster.state_of(layout, "kubelet")
    assert cluster.up(folder, print) == layout
    assert cluster.state_of(layout, "kubelet") == starts
    kubectl(folder, "create", "secret", "generic", "keys", "--from-literal=word=zebra")
    kubectl(folder, "create", "--filename=-", given=json.dumps(sleeping_pod()))
    kubectl(folder, "wait", "pod/sleeper", "--for=condition=Ready", "--timeout=30s")
    assert set(cluster.status(folder).values()) == {"running"}
    assert "/pause" in " ".join(processes_of_node(folder))
    assert bed.down() >= 10
    assert not folder.exists()
    assert not processes_of(folder)


def processes_of_node(folder: Path) -> list[str]:
    record = host.processes(folder).read("node")
    first = record.process() if record else None
    return [" ".join(p.cmdline()) for p in first.children(recursive=True)] if first else []


def test_down_cleans_after_a_bring_up_that_was_killed(bed: Bed) -> None:
    folder = bed.folder
    argv = [sys.executable, "-m", "tests.cluster", "up", str(folder)]
    with subprocess.Popen(argv, cwd=ROOT, start_new_session=True) as bringing:
        until = time.monotonic() + 60
        while not (folder / "state" / "kube-apiserver").exists():
            assert time.monotonic() < until
            assert bringing.poll() is None
            time.sleep(0.02)
        os.killpg(bringing.pid, signal.SIGKILL)
    assert cluster.running(folder) is None
    assert processes_of(folder)
    assert bed.down() >= 4
    assert not folder.exists()
    assert not processes_of(folder)
