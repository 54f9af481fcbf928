"""A Prefect server alone that asks for its auth string, as one that others can reach must."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)

from slipway.cli.stack.prefect import base_environment, server_argv, server_environment
from slipway.cli.stack.settings import StackSettings
from tests.rig.moto import wait_for
from tests.rig.ports import free_port

AUTH = "operator:a-long-password-of-tests"


@dataclass(frozen=True)
class PrefectApi:
    """`url` is PREFECT_API_URL."""

    url: str

    @contextmanager
    def used(self, auth: str | None = AUTH, url: str | None = None) -> Iterator[None]:
        """This process speaks to that server, with the auth string or another one."""
        settings = {PREFECT_API_URL: url or self.url, PREFECT_API_AUTH_STRING: auth}
        with temporary_settings({**settings, PREFECT_CLIENT_MAX_RETRIES: 0 if url else 5}):
            yield


@contextmanager
def prefect_api(folder: Path) -> Iterator[PrefectApi]:
    """A server with a database in the folder."""
    settings = StackSettings(
        name="secrets", state=folder, cache=folder / "cache", prefect_port=free_port()
    )
    environment = server_environment(settings, Fernet.generate_key().decode())
    Path(environment["PREFECT_HOME"]).mkdir(parents=True)
    process = subprocess.Popen(
        server_argv(settings),
        env={
            **base_environment(os.environ),
            **environment,
            "PREFECT_SERVER_API_AUTH_STRING": AUTH,
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"{settings.prefect_api}/ready", 90)
        yield PrefectApi(settings.prefect_api)
    finally:
        process.terminate()
        process.wait(timeout=20)
