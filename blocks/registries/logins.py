"""Credentials of the build tier, handed to tools without argv and without a trace afterwards."""

import base64
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blocks.registries.transport import Credentials


@contextmanager
def docker_config(host: str, credentials: Credentials | None) -> Iterator[Path]:
    """A private DOCKER_CONFIG folder, removed at the end; in memory where the machine has /dev/shm.

    Tools that take no password over stdin (Trivy) read it; without credentials it is empty, so that
    the user's own logins and credential helpers play no part.
    """
    memory = Path("/dev/shm")  # noqa: S108 - the folder made in it is private, mode 0700
    parent = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="slipway-login-", dir=parent) as folder:
        path = Path(folder, "config.json")
        path.touch(mode=0o600)
        path.write_text(json.dumps(_config(host, credentials)))
        yield Path(folder)


def auth_config(credentials: Credentials | None) -> dict[str, str] | None:
    """As the engine's API takes it, in a header of the request."""
    if credentials is None:
        return None
    return {
        "username": credentials.username,
        "password": credentials.password.get_secret_value(),
    }


def _config(host: str, credentials: Credentials | None) -> dict[str, object]:
    if credentials is None:
        return {}
    pair = f"{credentials.username}:{credentials.password.get_secret_value()}"
    return {"auths": {host: {"auth": base64.b64encode(pair.encode()).decode()}}}
