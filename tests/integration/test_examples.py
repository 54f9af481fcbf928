"""The examples as their users have them: their own tests, images without network, hardened runs."""

import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
from docker.models.containers import Container

from blocks.engines import connect_engine
from slipway.appfile import AppFile, parse
from slipway.lint import lint
from tests.rig.docker_rig import image_names
from tests.rig.ports import free_port

pytestmark = pytest.mark.engine

EXAMPLES = Path(__file__).parents[2] / "examples"
LEFT_OUT = shutil.ignore_patterns("site", "__pycache__", ".pytest_cache", ".venv")
HARDENED = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "user": "65532",
    "mem_limit": "128m",
    "pids_limit": 64,
}


@dataclass
class Shop:
    """Copies, images and containers of one test; all of it is removed afterwards."""

    folder: Path
    engine: docker.DockerClient
    name: str = field(default_factory=lambda: f"slipway-example-{uuid.uuid4().hex[:8]}")
    made: list[Any] = field(default_factory=list)

    def tested(self, example: str) -> AppFile:
        """A copy of the example in the folder, linted, tested and measured by its own commands."""
        shutil.copytree(EXAMPLES / example, self.folder, ignore=LEFT_OUT, dirs_exist_ok=True)
        appfile = parse((self.folder / "slipway.yaml").read_bytes())
        said = ""
        for command in appfile.tests:
            argv = [sys.executable, *command[1:]] if command[0] == "python3" else list(command)
            done = subprocess.run(
                argv, cwd=self.folder, capture_output=True, text=True, timeout=180, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
            said += done.stdout
        assert "All checks passed" in said
        assert "TOTAL" in said
        return appfile

    def run(self, appfile: AppFile, image: str, **settings: Any) -> Container:
        """The image, built without network, running as the app file says."""
        wanted = appfile.images[image]
        tag = f"{self.name}-{image}"
        self.engine.images.build(
            path=str(self.folder / wanted.context), tag=tag, rm=True, network_mode="none"
        )
        container = self.engine.containers.create(
            tag,
            name=tag,
            tmpfs=dict.fromkeys(wanted.writable, ""),
            **HARDENED,
            **settings,
        )
        self.made += [container]
        container.start()
        return container

    def secrets(self, *names: str) -> dict[str, dict[str, str]]:
        """A folder to mount, with a value of each name."""
        folder = self.folder.parent / "secrets"
        folder.mkdir()
        for name in names:
            (folder / name).write_text("k" * 40)
        folder.chmod(0o755)
        return {str(folder): {"bind": "/run/secrets", "mode": "ro"}}

    def close(self) -> None:
        for container in self.made:
            container.remove(force=True, v=True)
        for name in image_names(self.engine):
            if name.startswith(f"{self.name}-"):
                self.engine.images.remove(name, force=True)
        for network in self.engine.networks.list(names=[self.name]):
            network.remove()
        self.engine.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path / "app", connect_engine())
    try:
        yield made
    finally:
        made.close()


def healthy(container: Container, seconds: float = 90) -> None:
    """Wait until the image's own HEALTHCHECK passes."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        container.reload()
        state = container.attrs["State"]
        if state["Health"]["Status"] == "healthy":
            return
        assert state["Running"], container.logs().decode()
        time.sleep(0.2)
    pytest.fail(container.logs().decode())


def test_fastapi_example(shop: Shop) -> None:
    """S1-18: its tests pass and are measured; its image serves, hardened, its secret as a file."""
    appfile, port = shop.tested("fastapi"), free_port()
    mounted = shop.secrets("voucher-key")
    healthy(shop.run(appfile, "web", ports={"8000/tcp": ("127.0.0.1", port)}, volumes=mounted))
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert client.get("/ready").json() == {"status": "ready"}
        code = client.post("/vouchers", json={"amount": 100}).json()["code"]
        assert client.get(f"/vouchers/{code}").json()["amount"] == 100


def test_broken_example_turns_ready_and_breaks_under_traffic(shop: Shop) -> None:
    """C4: what the demo and the drills need of it."""
    appfile, port = shop.tested("broken"), free_port()
    mounted = shop.secrets("voucher-key")
    healthy(shop.run(appfile, "web", ports={"8000/tcp": ("127.0.0.1", port)}, volumes=mounted))

    def status(path: str) -> int:
        return httpx.get(f"http://127.0.0.1:{port}{path}").status_code

    assert (status("/ready"), status("/")) == (200, 200)
    time.sleep(2)
    assert (status("/"), status("/ready"), status("/health")) == (500, 503, 200)


def test_flask_behind_nginx_example(shop: Shop) -> None:
    """S3-01: user, Nginx, Flask, all in containers; readiness of the API passes through."""
    appfile, port = shop.tested("flask-nginx"), free_port()
    network = shop.engine.networks.create(shop.name)
    front = shop.run(
        appfile, "front", ports={"8080/tcp": ("127.0.0.1", port)}, network=network.name
    )
    healthy(front)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert client.get("/ready").status_code == 502
        mounted = shop.secrets("link-key")
        networking = {network.name: shop.engine.api.create_endpoint_config(aliases=["api"])}
        api = shop.run(
            appfile,
            "api",
            volumes=mounted,
            network=network.name,
            networking_config=networking,
        )
        healthy(api)
        assert "<h1>Links</h1>" in client.get("/").text
        token = client.post("/api/links", json={"file": "a.pdf"}).json()["token"]
        assert client.get(f"/api/links/{token}").json() == {"file": "a.pdf"}
        assert client.get("/ready").json() == {"status": "ready"}


def test_examples_break_no_rule() -> None:
    """What people copy first is clean."""
    assert lint([EXAMPLES], root=EXAMPLES.parent) == []
