"""Which registries a cluster may pull from: those on this machine's loopback that were admitted.

A registry has two names. The node itself logs in for `127.0.0.1:PORT`, as nodes of a cloud do;
for `localhost:PORT` it does not, so that such a pull needs an imagePullSecret.
"""

import base64
import shutil
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from slipway.errors import Unreachable
from tests.cluster import host
from tests.cluster.layout import Layout

FORWARD_SCRIPT = Path(__file__).with_name("forward.py")


def names(port: int) -> tuple[str, str]:
    """With the node's login, and without."""
    return f"127.0.0.1:{port}", f"localhost:{port}"


def hosts_file(address: str, credentials: Mapping[str, str] | None = None) -> str:
    """hosts.toml of containerd for a registry at this address (host:port), without TLS."""
    url = f"http://{address}"
    text = f'server = "{url}"\n\n[host."{url}"]\n  capabilities = ["pull", "resolve"]\n'
    if credentials:
        pair = f"{credentials['username']}:{credentials['password']}".encode()
        token = base64.b64encode(pair).decode()
        text += f'  [host."{url}".header]\n    Authorization = "Basic {token}"\n'
    return text


def admit(layout: Layout, port: int, credentials: Mapping[str, str] | None) -> str:
    """Let the node pull from 127.0.0.1:PORT of this machine; the name that images have there.

    Args:
        credentials: the node's own; without them every pull needs an imagePullSecret.

    Raises:
        Unreachable: the forwarder did not start.
    """
    address = f"{layout.host_address}:{port}"
    for name, login in zip(names(port), (credentials, None), strict=True):
        folder = layout.registries / name
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "hosts.toml"
        file.touch(mode=0o600)
        file.write_text(hosts_file(address, login))
    connect(layout, port)
    return names(port)[0]


def connect(layout: Layout, port: int) -> None:
    """Start handing connections on."""
    argv = [sys.executable, "-I", str(FORWARD_SCRIPT), layout.host_address, str(port)]
    record = host.processes(layout.folder).start(f"registry-{port}", argv, {})
    until = time.monotonic() + 10
    while not listens(layout.host_address, port):
        if not record.process() or time.monotonic() > until:
            evidence = record.log.read_text().splitlines()[-3:]
            raise Unreachable("the way to the registry did not open", evidence=evidence)
        time.sleep(0.02)


def disconnect(layout: Layout, port: int) -> None:
    """The node finds nobody at the registry's address."""
    host.processes(layout.folder).stop(f"registry-{port}")


def dismiss(layout: Layout, port: int) -> None:
    """Undo `admit`."""
    disconnect(layout, port)
    for name in names(port):
        shutil.rmtree(layout.registries / name, ignore_errors=True)


def listens(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True
