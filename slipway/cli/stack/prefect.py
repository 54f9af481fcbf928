"""Prefect on this machine: the server, a process worker, the keeper, block types and flows.

All are processes of this project's own environment, bound to 127.0.0.1; their settings live in
the stack's folder, so a user's own Prefect profile is neither read nor changed.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import httpx
from cryptography.fernet import Fernet

from slipway.cli.stack.prefect_cli import THEN, answers
from slipway.cli.stack.processes import Processes, ProcessRecord, tail, wait_until
from slipway.cli.stack.secret_files import secret_file
from slipway.cli.stack.settings import PROJECT, StackSettings
from slipway.errors import StepFailed, Unreachable

SERVER, WORKER, KEEPER = "prefect-server", "prefect-worker", "keeper"
SERVER_APP = "slipway.cli.stack.prefect_server:make_app"
QUIETLY = ("--log-level", "warning", "--timeout-keep-alive", "5")
BLOCK_CATALOGUE = "blocks.catalogue"
PREFECT_CLI = (sys.executable, "-m", "slipway.cli.stack.prefect_cli")
LEASES = "prefect.server.concurrency.lease_storage.filesystem"

# What a process gets from the caller's environment: nothing that could be a credential.
PASSED_ON = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR"),
    *("XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "DOCKER_HOST"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"),
)

Say = Callable[[str], None]


def base_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of the caller's environment that processes of the stack get."""
    return {name: environment[name] for name in PASSED_ON if name in environment}


def client_environment(settings: StackSettings) -> dict[str, str]:
    """Variables by which any Prefect client speaks to this stack's server."""
    return {
        "PREFECT_API_URL": settings.prefect_api,
        "PREFECT_HOME": str(settings.state / "prefect" / "client"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def server_environment(settings: StackSettings, encryption_key: str) -> dict[str, str]:
    """Variables of the server alone.

    Prefect takes the key only from there; without it, it would keep the key beside the secrets.
    Only its own UI may call it from a browser; Prefect's default is any site.
    Task runs are recorded once a second: one by one, right after each event, they would take
    SQLite's lock just when a flow calls the next one.
    """
    origins = [settings.prefect_url, f"http://localhost:{settings.prefect_port}"]
    return {
        "PREFECT_HOME": str(settings.state / "prefect" / "server"),
        "PREFECT_SERVER_ENCRYPTION_KEY": encryption_key,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": LEASES,
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(origins),
        "PREFECT_SERVER_UI_API_URL": settings.prefect_api,
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "DO_NOT_TRACK": "1",
    }


def server_argv(settings: StackSettings) -> list[str]:
    """How the server is started: as `prefect server start` does, with an app of our own."""
    place = ["--host", "127.0.0.1", "--port", str(settings.prefect_port)]
    return [sys.executable, "-m", "uvicorn", "--factory", SERVER_APP, *place, *QUIETLY]


def worker_argv(settings: StackSettings) -> list[str]:
    """How the worker is started; it waits for the server, and makes the pool if there is none."""
    argv = [*PREFECT_CLI, "/ready", "worker", "start", "--pool", settings.pool]
    return [*argv, "--type", "process", "--name", worker_name(settings)]


def register_argv(settings: StackSettings) -> list[str]:
    """How block types, and then flows for the worker's pool, are registered."""
    argv = [*PREFECT_CLI, "/ready", "block", "register", "-m", BLOCK_CATALOGUE]
    if settings.deploy:
        argv += [THEN, f"/work_pools/{settings.pool}", "--no-prompt", "deploy", "--all"]
    return argv


def worker_name(settings: StackSettings) -> str:
    """The name under which the server knows the worker."""
    return f"{settings.name}-worker"


@dataclass(frozen=True)
class Prefect:
    """The Prefect part of one stack."""

    settings: StackSettings
    processes: Processes
    say: Say

    def start_server(self) -> ProcessRecord:
        """Start it, or find it running; it is ready only after `wait_for_server`.

        Raises:
            Unreachable: something else answers on its port.
        """
        if not self.processes.is_running(SERVER) and self._answers("/health"):
            raise Unreachable(
                f"something else answers at {self.settings.prefect_url}",
                next_step="stop it, or set SLIPWAY_STACK_PREFECT_PORT",
            )
        if not (self.settings.state / "prefect" / "server" / "prefect.db").exists():
            self._stamp.unlink(missing_ok=True)  # a new database knows no flows
        key_file = self.settings.secrets / "prefect-encryption-key"
        key = secret_file(key_file, lambda: Fernet.generate_key().decode()).get_secret_value()
        environment = server_environment(self.settings, key)
        return self._start(SERVER, server_argv(self.settings), environment)

    def wait_for_server(self, record: ProcessRecord) -> None:
        """Wait for its API. Raises DeadlineExceeded with the tail of its log."""
        what = f"the Prefect server at {self.settings.prefect_url}"
        is_ready = lambda: self._answers("/ready")  # noqa: E731
        wait_until(is_ready, what, self.settings.deadline, record=record)

    def start_worker(self, environment: Mapping[str, str]) -> ProcessRecord:
        """Start the worker, or find it running; flows inherit `environment`."""
        return self._start(
            WORKER,
            worker_argv(self.settings),
            {**environment, "PREFECT_WORKER_QUERY_SECONDS": "1"},
        )

    def wait_for_worker(self, record: ProcessRecord) -> None:
        """Wait until the server has heard of it. Raises DeadlineExceeded with its log's tail."""
        is_online = lambda: self.is_worker_online(record.started)  # noqa: E731
        wait_until(is_online, "the worker", self.settings.deadline, record=record)

    def start_keeper(self, environment: Mapping[str, str]) -> ProcessRecord:
        """Start the keeper, which has `recover` run when a holder died."""
        return self._start(KEEPER, [sys.executable, "-m", "slipway.cli", "keeper"], environment)

    @contextmanager
    def registering(self, environment: Mapping[str, str]) -> Iterator[None]:
        """Register block types and flows meanwhile, if any source changed since.

        It begins once the server answers, and flows wait for the worker's pool; the end waits for
        both. The keeper, which may hold older sources, is stopped then.

        Raises:
            StepFailed: Prefect refused; its output is the evidence.
        """
        current = sources_hash(PROJECT)
        if self._stamp.exists() and self._stamp.read_text() == current:
            yield
            return
        log = self.settings.logs / "register.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output, self._registrar(environment, output) as process:
            yield
            self.say("registering block types and flows with Prefect")
            if process.wait() != 0:
                raise StepFailed(
                    "block types and flows could not be registered",
                    evidence=tail(log),
                    next_step=f"see {log}",
                )
        self._stamp.write_text(current)
        self.processes.stop(KEEPER)

    def is_worker_online(self, since: float) -> bool:
        """Whether this stack's worker told the server after `since` (seconds since 1970)."""
        name = worker_name(self.settings)
        workers = self._post(f"/work_pools/{self.settings.pool}/workers/filter")
        heard = [worker["last_heartbeat_time"] for worker in workers if worker["name"] == name]
        return any(datetime.fromisoformat(time).timestamp() > since for time in heard)

    def is_server_ready(self) -> bool:
        """Whether the server answers and its database does."""
        return self._answers("/ready")

    @property
    def _stamp(self) -> Path:
        return self.settings.state / "prefect" / "registered"

    def _start(self, name: str, argv: list[str], own: Mapping[str, str]) -> ProcessRecord:
        # Prefect leaves folders behind in the place for temporary ones.
        scratch = self.settings.state / "tmp"
        for folder in (scratch, Path(own["PREFECT_HOME"])):
            folder.mkdir(parents=True, exist_ok=True)
        passed_on = base_environment(os.environ)
        environment = {**passed_on, "PYTHONUNBUFFERED": "1", "TMPDIR": str(scratch), **own}
        return self.processes.start(name, argv, environment)

    @contextmanager
    def _registrar(
        self, own: Mapping[str, str], output: IO[bytes]
    ) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen(
            register_argv(self.settings),
            cwd=PROJECT,
            env={**base_environment(os.environ), **own},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def _answers(self, path: str) -> bool:
        return answers(f"{self.settings.prefect_api}{path}")

    def _post(self, path: str) -> list[dict[str, Any]]:
        try:
            answer = httpx.post(f"{self.settings.prefect_api}{path}", json={}, timeout=5)
        except httpx.HTTPError:
            return []
        found = answer.json() if answer.status_code == httpx.codes.OK else []
        return found if isinstance(found, list) else []


def sources_hash(project: Path) -> str:
    """Hash over prefect.yaml and all sources that a running worker or keeper may hold."""
    files = [project / "prefect.yaml"]
    for room in ("flows", "tasks", "blocks", "slipway"):
        files += project.glob(f"{room}/**/*.py")
    digest = hashlib.sha256()
    for path in sorted(path for path in files if path.is_file()):
        digest.update(f"{path.relative_to(project)}\0".encode() + path.read_bytes())
    return digest.hexdigest()
