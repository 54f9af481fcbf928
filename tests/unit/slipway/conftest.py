"""Worlds that several tests of the core share."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.approval import sign_statement

ROLES = {
    "alice": 'alice@example.org,alice namespaces="*.approval.slipway"',
    "bob": 'bob@example.org namespaces="stage.approval.slipway"',
    "erin": 'erin@example.org,erin namespaces="prod.break-glass.slipway"',
    "carol": 'carol@example.org namespaces="*.approval.slipway",valid-before="20261101Z"',
}


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SSH keys of five people; the file `allowed` enrols all but mallory, each in another role."""
    folder = tmp_path_factory.mktemp("keys")
    for name in (*ROLES, "mallory"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name]
        subprocess.run(command, cwd=folder, check=True)
    lines = [f"{role} {(folder / f'{name}.pub').read_text()}" for name, role in ROLES.items()]
    (folder / "allowed").write_text("# who may open what\n\n" + "".join(lines))
    return folder


@pytest.fixture(scope="session")
def sign(keys: Path) -> Callable[..., str]:
    return lambda what, by="alice": sign_statement(what, keys / by)
