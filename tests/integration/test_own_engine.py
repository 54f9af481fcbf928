"""An engine that Slipway starts itself, beside whatever runs on this machine."""

import os
import shutil
from pathlib import Path

import pytest

from slipway.cli.stack.engine import PROCESS_NAME, connect, start_engine, stop_engine
from slipway.cli.stack.processes import Processes
from slipway.errors import DeadlineExceeded

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]
DEADLINE = 60.0


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        pytest.skip("needs root and dockerd")
    return Processes(tmp_path / "processes", tmp_path / "logs")


def apart(folder: Path) -> tuple[str, ...]:
    """Arguments that keep an engine off the machine's own one and its network."""
    return (
        *("--host", f"unix://{folder}/engine.sock", "--pidfile", str(folder / "pid")),
        *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
        *("--bridge", "none", "--iptables=false", "--ip6tables=false"),
    )


def test_an_engine_is_started_and_stopped(processes: Processes, tmp_path: Path) -> None:
    said: list[str] = []
    client = start_engine(processes, DEADLINE, said.append, apart(tmp_path))
    try:
        assert client.ping()
        assert said[0].startswith("starting the Docker engine (dockerd ")
    finally:
        assert stop_engine(processes, client, said.append)
    assert said[-1] == "stopping the Docker engine"
    assert connect(f"unix://{tmp_path}/engine.sock") is None
    assert not processes.is_running(PROCESS_NAME)


def test_an_engine_that_does_not_start_tells_why(processes: Processes, tmp_path: Path) -> None:
    wrong = (*apart(tmp_path), "--no-such-flag")
    with pytest.raises(DeadlineExceeded) as failure:
        start_engine(processes, DEADLINE, lambda _: None, wrong)
    assert any("no-such-flag" in line for line in failure.value.evidence)


def test_an_engine_that_is_not_ours_is_not_stopped(processes: Processes) -> None:
    assert not stop_engine(processes, None, print)
