"""A real Vault in dev mode, where SLIPWAY_TEST_VAULT names its program; else our own fake of it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from tests.fakes.vault import TOKEN, FakeVault, serving
from tests.rig.moto import wait_for
from tests.rig.ports import free_port

PROGRAM = "SLIPWAY_TEST_VAULT"


@contextmanager
def a_vault(folder: Path) -> Iterator[FakeVault]:
    """One whose `url` answers, with KV version 2 at `secret` and the token of the fake."""
    program = os.environ.get(PROGRAM)
    with dev_server(program, folder) if program else nullcontext() as url:
        if url is None:
            with serving(FakeVault()) as vault:
                yield vault
        else:
            yield FakeVault(url=url)


@contextmanager
def dev_server(program: str, folder: Path) -> Iterator[str]:
    """The address of `vault server -dev`; it keeps all in memory, and listens on loopback."""
    address = f"127.0.0.1:{free_port()}"
    argv = ["server", "-dev", f"-dev-listen-address={address}", "-dev-no-store-token"]
    process = subprocess.Popen(
        [program, *argv, f"-dev-root-token-id={TOKEN}"],
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"http://{address}/v1/sys/health")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(timeout=10)
