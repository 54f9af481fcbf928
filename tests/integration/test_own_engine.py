"""An engine that Slipway starts itself, beside whatever runs on this machine.

It runs in a network namespace of its own: a second engine in the machine's would remove docker0.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from slipway.cli.stack.engine import PROCESS_NAME, connect, start_engine, stop_engine
from slipway.cli.stack.processes import Processes
from slipway.errors import DeadlineExceeded

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]
DEADLINE = 60.0


WRAPPER = """#!/bin/sh
exec unshare --net -- {dockerd} "$@"
"""


def can_unshare() -> bool:
    return subprocess.run(["unshare", "--net", "true"], check=False).returncode == 0


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Processes:
    """Records of processes, with a `dockerd` on PATH that keeps off the machine's network."""
    dockerd = shutil.which("dockerd")
    if os.geteuid() != 0 or not dockerd or not can_unshare():
        pytest.skip("needs root, dockerd and network namespaces")
    programs = tmp_path / "bin"
    programs.mkdir()
    wrapper = programs / "dockerd"
    wrapper.write_text(WRAPPER.format(dockerd=dockerd))
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return Processes(tmp_path / "processes", tmp_path / "logs")


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a short name: that of a socket in it may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="engine-") as made:
        yield Path(made)


def apart(folder: Path) -> tuple[str, ...]:
    """Arguments that keep an engine's files off those of the machine's own."""
    return (
        *("--host", f"unix://{folder}/engine.sock", "--pidfile", str(folder / "pid")),
        *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
        *("--bridge", "none", "--iptables=false"),
    )


def test_an_engine_is_started_and_stopped(processes: Processes, folder: Path) -> None:
    said: list[str] = []
    network = psutil.net_if_addrs().get("docker0")
    client = start_engine(processes, DEADLINE, said.append, apart(folder))
    try:
        assert client.ping()
        assert psutil.net_if_addrs().get("docker0") == network
        assert said[0].startswith("starting the Docker engine (dockerd ")
    finally:
        assert stop_engine(processes, client, said.append)
    assert said[-1] == "stopping the Docker engine"
    assert connect(f"unix://{folder}/engine.sock") is None
    assert not processes.is_running(PROCESS_NAME)


def test_an_engine_that_does_not_start_tells_why(processes: Processes, folder: Path) -> None:
    wrong = (*apart(folder), "--no-such-flag")
    with pytest.raises(DeadlineExceeded) as failure:
        start_engine(processes, DEADLINE, lambda _: None, wrong)
    assert any("no-such-flag" in line for line in failure.value.evidence)


def test_an_engine_that_is_not_ours_is_not_stopped(processes: Processes) -> None:
    assert not stop_engine(processes, None, print)
