"""A Prefect server, worker and keeper of their own, beside a throwaway registry."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from blocks.registries.artifacts import push_attestations, push_candidate
from blocks.registries.oci import Registry
from blocks.registries.transport import Credentials, Transport
from slipway.candidate import Candidate, build_candidate
from slipway.canonical import sha256_digest
from slipway.claim import read_lease
from slipway.cli.stack.prefect import (
    KEEPER,
    SERVER,
    WORKER,
    Prefect,
    base_environment,
    client_environment,
)
from slipway.cli.stack.processes import Processes, ProcessRecord
from slipway.cli.stack.settings import StackSettings
from slipway.directory_store import DirectoryStore
from slipway.dsse import IN_TOTO, public_pem, seal
from slipway.ledger import Ledger, Record
from slipway.names import parse_reference
from slipway.release import Target
from slipway.scan import Database, Report, judge
from slipway.source import Source
from slipway.statement import BuildFacts, provenance, sbom, scan_verdict
from tests.rig.docker_rig import CREDENTIALS, Rig, remove_target
from tests.rig.ports import free_port

APPFILE = """
app: {app}
images: {{web: {{port: 8000, config: {{VERSION: "{version}", MODE: "{mode}"}}}}}}
{secrets}
{migration}
environments:
  dev: {{port: {ports[0]}, gate: {{approvals: 0}}, health: {{bake: {bake}, deadline: {deadline}}}}}
  stage:
    port: {ports[1]}
    gate: {{approvals: 0}}
    health: {{bake: 500ms, deadline: 60s}}
    drill: {{budget: 60s}}
  prod:
    port: {ports[2]}
    gate: {{approvals: 1, timeout: {timeout}}}
    health: {{bake: 500ms, deadline: 60s}}
"""
GATED = """
app: {app}
images: {{web: {{port: 8000, config: {{VERSION: "{version}"}}}}}}
environments:
  prod:
    port: {ports[2]}
    gate: {{approvals: 1, timeout: {timeout}}}
    health: {{bake: 500ms, deadline: 60s}}
"""
SBOM = {"bomFormat": "CycloneDX", "specVersion": "1.6"}
FINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})
ENVIRONMENTS = ("dev", "stage", "prod")


@dataclass
class App:
    """An app of a test's own: its name, ports and candidates."""

    rig: "PrefectRig"
    name: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:8]}")
    ports: list[int] = field(default_factory=lambda: [free_port() for _ in ENVIRONMENTS])

    def __post_init__(self) -> None:
        self.rig.apps.append(self)  # what still ran when a test ended may act after its `close`

    def candidate(
        self,
        version: str,
        mode: str = "ok",
        *,
        timeout: str = "60s",
        deadline: str = "60s",
        bake: str = "500ms",
        secrets: str = "",
        migration: str = "",
    ) -> str:
        """Push a candidate with its attestations; its reference."""
        text = APPFILE.format(
            app=self.name,
            version=version,
            mode=mode,
            ports=self.ports,
            timeout=timeout,
            deadline=deadline,
            bake=bake,
            secrets=f"secrets: {secrets}" if secrets else "",
            migration=f"migration: {migration}" if migration else "",
        )
        return self.rig.push(text)

    def gated_candidate(self, version: str, timeout: str) -> str:
        """Push a candidate that knows production only, behind its gate; its reference."""
        text = GATED.format(app=self.name, version=version, ports=self.ports, timeout=timeout)
        return self.rig.push(text)

    def wait_for_later_build(self) -> None:
        """Return once the clock of provenance, which knows seconds, has moved on."""
        began = int(time.time())
        while int(time.time()) == began:
            time.sleep(0.05)

    def deploy(self, candidate: str, environment: str = "dev") -> str:
        """Deploy through the worker; the type of the final state."""
        run_id = self.rig.start_run("deploy/deploy", candidate=candidate, environment=environment)
        return str(self.rig.final_state(run_id)["type"])

    def target(self, environment: str) -> Target:
        return Target(app=self.name, environment=environment)

    def ledger(self, environment: str) -> Ledger:
        return self.rig.ledger(self.target(environment))

    def lease_pid(self, environment: str) -> int:
        """The process that holds the environment."""
        lease = read_lease(self.ledger(environment).store, self.target(environment))
        assert lease
        return int(lease.holder.rpartition(":")[2])

    def await_record(
        self, environment: str, wanted: Callable[[Record], bool], seconds: float = 60
    ) -> Record:
        """The first record that is wanted, once it is there."""
        ledger, until = self.ledger(environment), time.monotonic() + seconds
        while time.monotonic() < until:
            for record in ledger.records():
                if wanted(record):
                    return record
            time.sleep(0.1)
        raise TimeoutError(f"{environment}: {[str(r.kind) for r in ledger.records()][-8:]}")

    def answer(self, environment: str) -> str:
        """What the app says to a user."""
        port = self.ports[ENVIRONMENTS.index(environment)]
        return httpx.get(f"http://127.0.0.1:{port}/version", timeout=10).text

    def close(self) -> None:
        for environment in ENVIRONMENTS:
            remove_target(self.rig.docker.engine, self.target(environment))


@dataclass
class PrefectRig:
    """Attributes: docker, the registry's rig; folder, all state; image, the test app by digest."""

    docker: Rig
    folder: Path
    image: str
    signers: Path
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    port: int = field(default_factory=free_port)
    apps: list[App] = field(default_factory=list)

    @property
    def settings(self) -> StackSettings:
        return StackSettings(
            name=f"test-{self.port}",
            state=self.folder,
            registry_port=self.docker.port,
            prefect_port=self.port,
        )

    @property
    def processes(self) -> Processes:
        return Processes(self.folder / "processes", self.folder / "logs")

    @property
    def prefect(self) -> Prefect:
        return Prefect(self.settings, self.processes, print)

    @property
    def environment(self) -> dict[str, str]:
        """What worker, keeper and operators have."""
        return {
            **client_environment(self.settings),
            "SLIPWAY_STATE": str(self.folder),
            "SLIPWAY_ALLOWED_SIGNERS": str(self.signers),
            "SLIPWAY_REGISTRY": self.settings.registry,
            "SLIPWAY_REGISTRY_USERNAME": CREDENTIALS["username"],
            "SLIPWAY_REGISTRY_PASSWORD_FILE": str(self.folder / "registry-password"),
            "SLIPWAY_ACTOR": "robot",
            "SLIPWAY_SECRETS": "prefect",
        }

    @property
    def api(self) -> httpx.Client:
        return httpx.Client(base_url=self.settings.prefect_api, timeout=30)

    def start(self) -> "PrefectRig":
        """Server, worker and keeper are up, every deployment of prefect.yaml is registered."""
        self.write_keys()
        server = self.prefect.start_server()
        worker = self.prefect.start_worker(self.environment)
        with self.prefect.registering(self.environment):
            self.prefect.wait_for_server(server)
        self.prefect.wait_for_worker(worker)
        self.prefect.start_keeper(self.environment)
        return self

    def write_keys(self) -> None:
        """The files that the environment names."""
        password = self.folder / "registry-password"
        password.write_text(CREDENTIALS["password"])
        password.chmod(0o600)
        public = public_pem(self.key.public_key())
        (self.folder / "trusted-keys").mkdir()
        (self.folder / "trusted-keys" / "build.pem").write_bytes(public)

    def start_worker(self) -> ProcessRecord:
        record = self.prefect.start_worker(self.environment)
        self.prefect.wait_for_worker(record)
        return record

    def process(self, name: str) -> ProcessRecord:
        """One of SERVER, WORKER, KEEPER."""
        record = self.processes.read(name)
        assert record
        return record

    def close(self) -> None:
        for name in (KEEPER, WORKER, SERVER):
            self.processes.stop(name)
        self.processes.stop_orphans()
        for app in self.apps:
            app.close()

    def registry(self) -> Registry:
        login = Credentials(CREDENTIALS["username"], SecretStr(CREDENTIALS["password"]))
        return Registry(Transport(f"127.0.0.1:{self.docker.port}", login))

    def push(self, appfile: str) -> str:
        """A candidate of the test app, signed, scanned and listed; its reference."""
        source = Source(repository="https://git.example/app.git", revision="ab" * 20)
        images = {"web": parse_reference(self.image)}
        candidate = build_candidate(appfile.encode(), source, images)
        registry = self.registry()
        try:
            reference = push_candidate(registry, candidate, sha256_digest(appfile.encode())[7:19])
            push_attestations(registry, reference, self._envelopes(candidate))
        finally:
            registry.close()
        return str(reference)

    def _envelopes(self, candidate: Candidate) -> list[bytes]:
        now = datetime.now(UTC)
        facts = BuildFacts(
            builder="https://slipway.invalid/builders/local",
            invocation="1",
            started=now,
            finished=now,
        )
        report = Report(
            image="web",
            digest=candidate.images["web"].digest,
            scanner="trivy",
            database=Database(name="db", version="2", updated=now),
            packages=3,
        )
        verdict = judge(report, candidate.appfile.scan, now.date())
        web = candidate.images["web"]
        said = [provenance(candidate, facts), sbom(web, SBOM), scan_verdict(web, verdict)]
        return [seal(statement.payload(), IN_TOTO, self.key) for statement in said]

    def ledger(self, target: Target) -> Ledger:
        return Ledger(DirectoryStore(self.folder / "ledger"), target, "tester")

    def run(self, *argv: str, seconds: float = 180) -> "subprocess.CompletedProcess[str]":
        """A command of this environment, as an operator's shell runs it."""
        command, *arguments = argv
        return subprocess.run(
            [str(Path(sys.executable).with_name(command)), *arguments],
            env={**base_environment(os.environ), **self.environment},
            cwd=self.folder,
            timeout=seconds,
            capture_output=True,
            text=True,
            check=False,
        )

    def save_secret(self, block: str, value: str) -> None:
        """Save a Secret block, as an operator does; the value goes over stdin."""
        script = "import sys\nfrom prefect.blocks.system import Secret\n"
        script += f"Secret(value=sys.stdin.read()).save({block!r}, overwrite=True)"
        subprocess.run(
            [sys.executable, "-c", script],
            env={**base_environment(os.environ), **self.environment},
            cwd=self.folder,
            input=value,
            text=True,
            check=True,
        )

    def trigger(
        self, deployment: str, *extra: str, **parameters: Any
    ) -> "subprocess.CompletedProcess[str]":
        """`prefect deployment run DEPLOYMENT --param ... --watch`."""
        given = [
            word for name, value in parameters.items() for word in ("--param", f"{name}={value}")
        ]
        return self.run("prefect", "deployment", "run", deployment, *given, "--watch", *extra)

    def post(self, path: str, body: Any) -> Any:
        """An answer of the API; SQLite under load may ask for patience."""
        with self.api as api:
            for _ in range(10):
                answer = api.post(path, json=body)
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    break
                time.sleep(1)
            return answer.raise_for_status().json()

    def start_run(self, deployment: str, **parameters: Any) -> str:
        """Start a run and return its id."""
        with self.api as api:
            found = api.get(f"/deployments/name/{deployment}").raise_for_status().json()
        path = f"/deployments/{found['id']}/create_flow_run"
        return str(self.post(path, {"parameters": parameters})["id"])

    def final_state(self, run_id: str, seconds: float = 120) -> dict[str, Any]:
        """The state in which the run ended; a server that has just started may be slow to say."""
        until, state = time.monotonic() + seconds, None
        while time.monotonic() < until:
            with suppress(httpx.TimeoutException):
                state = self.flow_run(run_id)["state"]
            if state and state["type"] in FINAL:
                print(f"run {run_id}: {state['type']} {state['message']}")
                return dict(state)
            time.sleep(0.5)
        raise TimeoutError(f"run {run_id} does not end: {state}")

    def flow_run(self, run_id: str) -> dict[str, Any]:
        with self.api as api:
            return dict(api.get(f"/flow_runs/{run_id}").raise_for_status().json())

    def runs(self, **filters: Any) -> list[dict[str, Any]]:
        """Flow runs that the filter lets through, newest first."""
        body = {"flow_runs": filters, "sort": "START_TIME_DESC"}
        with self.api as api:
            return list(api.post("/flow_runs/filter", json=body).raise_for_status().json())
