"""The gateway's image on a real engine, as small as CIS asks."""

import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import httpx
import pytest
from docker.models.containers import Container

from slipway.cli.stack.images import ImageStore
from slipway.cli.stack.processes import wait_until
from slipway.cli.stack.settings import default_cache
from tests.rig.gateway import FOLDER, JENKINS, GatewayRig, refuses
from tests.rig.ports import free_port

pytestmark = [pytest.mark.prefect, pytest.mark.engine, pytest.mark.timeout(300)]
USER = 65532


@pytest.fixture(scope="module")
def image() -> str:
    store = ImageStore(docker.from_env(), default_cache(), folders={"gateway": FOLDER})
    return store.ensure_image("gateway").reference


@pytest.fixture
def container(
    gateway: GatewayRig, image: str, tmp_path: Path
) -> Iterator[tuple[Container, GatewayRig]]:
    """A container of it before the same server, on the host's loopback."""
    rig = replace(gateway, gateway_port=free_port())
    for name in ("users", "server-auth"):
        copy = tmp_path / name
        copy.write_bytes((gateway.folder / name).read_bytes())
        copy.chmod(0o444)
    os.chmod(tmp_path, 0o755)  # noqa: PTH101, S103 - another user's container reads it
    made = docker.from_env().containers.run(
        image,
        name=f"slipway-gateway-{uuid.uuid4().hex[:8]}",
        detach=True,
        network_mode="host",
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        pids_limit=32,
        mem_limit="128m",
        tmpfs={"/run/gateway": f"uid={USER},mode=700"},
        volumes={str(tmp_path): {"bind": "/run/secrets", "mode": "ro"}},
        environment={
            "GATEWAY_UPSTREAM": f"127.0.0.1:{rig.port}",
            "GATEWAY_LISTEN": f"127.0.0.1:{rig.gateway_port}",
            "GATEWAY_USERS_FILE": "/run/secrets/users",
            "GATEWAY_AUTH_FILE": "/run/secrets/server-auth",
        },
    )
    try:
        wait_until(lambda: refuses(rig.url), "the gateway", 30, evidence=lambda: told(made))
        yield made, rig
    finally:
        made.remove(force=True)


def told(container: Container) -> list[str]:
    return container.logs().decode().splitlines()[-10:]


def test_it_runs_with_nothing_but_what_it_needs(
    container: tuple[Container, GatewayRig],
) -> None:
    """G12, S0-12: no root, no capability, nothing writable, no credential in what is shown."""
    made, rig = container
    with rig.client(JENKINS) as client:
        assert client.post("/api/flows/filter", json={}).status_code == httpx.codes.OK
        assert client.post("/api/variables/filter", json={}).status_code == httpx.codes.FORBIDDEN
    made.reload()
    assert made.attrs["Config"]["User"] == f"{USER}:{USER}"
    shown = json.dumps(made.attrs) + made.logs().decode()
    for credential in (rig.auth, *rig.credentials.values()):
        assert credential.split(":")[1] not in shown
    top = made.top(ps_args="-eo pid,uid")["Processes"]
    assert {row[1] for row in top} == {str(USER)}
