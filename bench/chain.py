"""The shell chain beside which releases are measured, with a proxy of its own."""

import asyncio
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import docker
import httpx

from bench.session import Session
from blocks.builders.engine import probe_way
from slipway.cli.stack.advisories import write_demo_database
from tests.rig.build_world import the_trivy
from tests.rig.docker_rig import CREDENTIALS
from tests.rig.ports import free_port

SCRIPT = Path(__file__).with_name("chain.sh")
PROXY, APP = "slipway.chain.proxy", "slipway.chain.app"
MAP = "/run/slipway/traffic.map"
ADMIN = ["socat", "-", "UNIX-CONNECT:/run/slipway/admin.sock"]


@dataclass(frozen=True)
class Chain:
    """One app that is released by the chain, from a folder with a Dockerfile."""

    session: Session
    context: Path
    name: str
    port: int
    environment: dict[str, str]

    def release(self, tag: str) -> tuple[float, float]:
        """Run the chain; its seconds, and those that the scan took of them.

        Raises:
            CalledProcessError: a step of it failed.
        """
        image = f"127.0.0.1:{self.session.docker.port}/{self.name}:{tag}"
        self.session.docker.images.append(image)
        began = time.perf_counter()
        done = subprocess.run(
            [str(SCRIPT), str(self.context), image, self.name, self.name, str(self.port)],
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            check=True,
        )
        return time.perf_counter() - began, int(done.stdout) / 1000

    def answer(self) -> str:
        return httpx.get(f"http://127.0.0.1:{self.port}/version", timeout=5).text


@contextmanager
def chained(session: Session, context: Path) -> Iterator[Chain]:
    """Network, proxy and login of a chain; all of it is removed afterwards."""
    engine, name, port = session.docker.engine, f"chain-{uuid.uuid4().hex[:8]}", free_port()
    folder = session.new_folder(name)
    engine.networks.create(name, labels={"slipway.test": "chain"})
    try:
        _proxy(engine, name, port)
        yield Chain(session, context, name, port, _environment(session, folder))
    finally:
        for label in (PROXY, APP):
            for container in engine.containers.list(all=True, filters={"label": f"{label}={name}"}):
                container.remove(force=True, v=True)
        engine.networks.get(name).remove()


def _proxy(engine: docker.DockerClient, name: str, port: int) -> None:
    """The same proxy as Slipway's, whose map the chain sets by hand."""
    proxy = engine.containers.run(
        "slipway/proxy:2.6",
        name=name,
        detach=True,
        labels={PROXY: name},
        network=name,
        ports={"8080/tcp": ("127.0.0.1", port)},
        tmpfs={"/run/slipway": "uid=65532,mode=0700"},
    )
    until = time.monotonic() + 20
    while proxy.exec_run(["ls", "/run/slipway/admin.sock"]).exit_code and time.monotonic() < until:
        time.sleep(0.1)
    for entry in ("serving/n 1", "serving/0 127.0.0.1:9"):
        command = f'printf "add map {MAP} {entry}\\n" | {" ".join(ADMIN)}'
        done = proxy.exec_run(["/bin/sh", "-c", command])
        if done.exit_code:
            raise RuntimeError(f"the proxy refused its map: {done.output!r}")


def _environment(session: Session, folder: Path) -> dict[str, str]:
    """A client that drives BuildKit, logged in; the scanner with the demo's advisories."""
    way = asyncio.run(probe_way(session.docker.engine, folder))
    client = str(way.client or "docker")
    write_demo_database(folder / "trivy", datetime.now(UTC))
    environment = {
        "DOCKER": client,
        "DOCKER_CONFIG": str(folder / "config"),
        "DOCKER_BUILDKIT": "1" if way.client else "0",
        "TRIVY": str(the_trivy()),
        "TRIVY_CACHE": str(folder / "trivy"),
    }
    host = f"127.0.0.1:{session.docker.port}"
    subprocess.run(
        [client, "login", "--username", CREDENTIALS["username"], "--password-stdin", host],
        input=CREDENTIALS["password"].encode(),
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
    )
    return environment
