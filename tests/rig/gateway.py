"""A Prefect server with a password, and the gateway before it; both real, on loopback."""

import base64
import http.client
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from slipway.cli.stack.prefect import SERVER, base_environment, server_argv, server_environment
from slipway.cli.stack.processes import Processes, ProcessRecord, wait_until
from slipway.cli.stack.settings import PROJECT, StackSettings
from tests.nginx import Nginx
from tests.rig.ports import free_port

FOLDER = PROJECT / "docker" / "gateway"
GATEWAY, WORKER = "gateway", "worker"
JENKINS, OPERATOR = "jenkins", "operator"
SECRET, VARIABLE = "gateway-secret", "gateway_variable"
WORD = "Slipway-Gateway"
ENCRYPTION_KEY = "c2xpcHdheS1nYXRld2F5LXRlc3QtMzItYnl0ZXMtISE="


@dataclass(frozen=True)
class Answer:
    """Attributes: word, by which the gateway names its refusal; text, of the body."""

    status: int
    word: str | None
    text: str


@dataclass
class GatewayRig:
    """Attributes: auth, the server's own; credentials, NAME:PASSWORD by role; canary, a secret."""

    nginx: Nginx
    folder: Path
    port: int = field(default_factory=free_port)
    gateway_port: int = field(default_factory=free_port)
    auth: str = field(default_factory=lambda: f"server:{secrets.token_hex(16)}")
    credentials: dict[str, str] = field(default_factory=dict)
    canary: str = field(default_factory=lambda: f"canary-{secrets.token_hex(12)}")

    @property
    def settings(self) -> StackSettings:
        return StackSettings(
            name=f"gateway-{self.port}", state=self.folder, prefect_port=self.port, deadline=120
        )

    @property
    def processes(self) -> Processes:
        return Processes(self.folder / "processes", self.folder / "logs")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def log(self) -> Path:
        """Access log of the gateway, one JSON object a line."""
        return self.folder / "logs" / f"{GATEWAY}.log"

    def start(self) -> "GatewayRig":
        self.start_server()
        self.write_credentials()
        self.start_gateway()
        return self

    def start_server(self) -> None:
        """The Prefect server, whose UI asks the gateway."""
        own = server_environment(self.settings, ENCRYPTION_KEY)
        scratch = self.folder / "tmp"
        for folder in (scratch, Path(own["PREFECT_HOME"])):
            folder.mkdir(parents=True)
        environment = {
            **base_environment(os.environ),
            **own,
            "TMPDIR": str(scratch),
            "PREFECT_SERVER_API_AUTH_STRING": self.auth,
            "PREFECT_SERVER_UI_API_URL": f"{self.url}/api",
        }
        record = self.processes.start(SERVER, server_argv(self.settings), environment)
        address = f"{self.settings.prefect_api}/ready"
        wait_until(lambda: answers(address), "the Prefect server", 120, record=record)

    def write_credentials(self) -> None:
        """One of each role, made as docs/gateway.md says."""
        lines = [self.new_credential(role) for role in (JENKINS, OPERATOR)]
        (self.folder / "users").write_text("".join(lines))
        (self.folder / "server-auth").write_text(f"{self.auth}\n")

    def new_credential(self, role: str) -> str:
        file = self.folder / f"{role}-{secrets.token_hex(4)}"
        argv = ["/bin/sh", str(FOLDER / "credential.sh"), role, role, str(file)]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        self.credentials[role] = file.read_text()
        return done.stdout

    def start_gateway(self, scheme: str = "http", **variables: str) -> ProcessRecord:
        argv = ["/bin/sh", str(FOLDER / "start.sh")]
        record = self.processes.start(GATEWAY, argv, {**self.gateway_environment, **variables})
        address = f"{scheme}://127.0.0.1:{self.gateway_port}"
        wait_until(lambda: refuses(address), "the gateway", 30, record=record)
        return record

    @property
    def gateway_environment(self) -> dict[str, str]:
        return {
            **base_environment(os.environ),
            **self.nginx.environment,
            "GATEWAY_UPSTREAM": f"127.0.0.1:{self.port}",
            "GATEWAY_LISTEN": f"127.0.0.1:{self.gateway_port}",
            "GATEWAY_AUTH_FILE": str(self.folder / "server-auth"),
            "GATEWAY_USERS_FILE": str(self.folder / "users"),
            "GATEWAY_RUN": str(self.folder / "run"),
            "GATEWAY_REQUESTS_PER_SECOND": "2000",
        }

    def close(self) -> None:
        for name in (WORKER, GATEWAY, SERVER):
            self.processes.stop(name)
        self.processes.stop_orphans()

    def client(self, role: str | None, **options: Any) -> httpx.Client:
        """Speaks to the gateway as that role, or as nobody."""
        auth = tuple(self.credentials[role].split(":")) if role else None
        return httpx.Client(base_url=self.url, auth=auth, timeout=30, **options)  # type: ignore[arg-type]

    def server(self) -> httpx.Client:
        """Speaks to the Prefect server itself, as the gateway does."""
        user, password = self.auth.split(":")
        return httpx.Client(base_url=self.settings.prefect_url, auth=(user, password), timeout=30)

    def ask(self, role: str, request: str, headers: Mapping[str, str], body: str | None) -> Answer:
        """A request exactly as written: METHOD and target go on the wire as they are."""
        method, target = request.split(" ", 1)
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway_port, timeout=30)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in {**self.authorization(role), **headers}.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Type", "application/json")
                connection.putheader("Content-Length", str(len(body.encode())))
            connection.endheaders(body.encode() if body is not None else None)
            answer = connection.getresponse()
            is_open = answer.status == httpx.codes.SWITCHING_PROTOCOLS
            text = b"" if is_open else answer.read()
            return Answer(answer.status, answer.headers.get(WORD), text.decode())
        finally:
            connection.close()

    def authorization(self, role: str) -> dict[str, str]:
        """The header of that role's credential; empty for anybody else."""
        if role not in self.credentials:
            return {}
        token = base64.b64encode(self.credentials[role].encode()).decode()
        return {"Authorization": f"Basic {token}"}

    def environment(self, role: str) -> dict[str, str]:
        """What a Prefect client of that role has."""
        return {
            **base_environment(os.environ),
            "PREFECT_API_URL": f"{self.url}/api",
            "PREFECT_API_AUTH_STRING": self.credentials[role],
            "PREFECT_HOME": str(self.folder / f"client-{role}"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        }

    def run(
        self,
        role: str,
        *argv: str,
        given: str = "",
        variables: Mapping[str, str] | None = None,
        folder: Path = PROJECT,
    ) -> "subprocess.CompletedProcess[str]":
        """`python ARGV` as that role."""
        return subprocess.run(
            [sys.executable, *argv],
            env={**self.environment(role), **(variables or {})},
            cwd=folder,
            input=given,
            timeout=120,
            capture_output=True,
            text=True,
            check=False,
        )


def answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def refuses(address: str) -> bool:
    try:
        answer = httpx.get(address, timeout=2, verify=False)  # noqa: S501 - asks if it is up
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.UNAUTHORIZED
