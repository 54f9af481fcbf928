"""What the lock installs runs together; pip's own check does not see all of it."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

BIN = Path(sys.executable).parent


def test_pip_check() -> None:
    argv = [sys.executable, "-m", "pip", "--disable-pip-version-check", "check"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A Prefect server on a free port of the loopback; yields its API address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    log = tmp_path / "server.log"
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path / "home"), "PREFECT_API_URL": url}
    argv = [BIN / "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(argv, env=environment, stdout=output, stderr=output)
    try:
        wait_until_healthy(url, process, log)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        if process.poll() is not None:
            break
        try:
            if httpx.get(f"{url}/health", timeout=2).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.25)
    pytest.fail(f"the Prefect server did not start:\n{log.read_text()[-2000:]}")


@pytest.mark.prefect
def test_a_prefect_server_starts_and_keeps_a_flow(server: str) -> None:
    """With the fastapi that prefect chooses by itself, the server dies at its start."""
    made = httpx.post(f"{server}/flows/", json={"name": "probe"}, timeout=20)
    assert made.status_code == 201
    assert re.fullmatch(r"[0-9a-f-]{36}", made.json()["id"])
    version = httpx.get(f"{server}/admin/version", timeout=20).json()
    assert version == "3.8.8"
