"""A private stack whose every secret is a canary, and an app that goes through it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import docker
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_ssh_private_key,
)

from blocks.builders.engine import probe_way
from slipway.claim import open_claim, read_lease
from slipway.cli.demo.people import Approver, enrol_approver
from slipway.cli.demo.sources import WorkingCopy
from slipway.cli.stack.environment import signing_key_file
from slipway.cli.stack.prefect import Prefect, base_environment
from slipway.cli.stack.processes import Processes
from slipway.cli.stack.registry import USERS, Registry
from slipway.cli.stack.secret_files import write_private
from slipway.cli.stack.settings import PROJECT, StackSettings
from slipway.cli.stack.stack import processes_of
from slipway.cli.stack.variables import read_environment
from slipway.directory_store import DirectoryStore
from slipway.ledger import Kind, Ledger, Record
from slipway.release import Target
from tests.rig import places
from tests.rig.canaries import Canary, Place, key_canary, text_canary
from tests.rig.docker_rig import TESTAPP
from tests.rig.ports import free_port

SECRET, BUILD_SECRET = "database-password", "index-token"
ENVIRONMENTS = ("dev", "prod")
LOUD = {
    "PREFECT_LOGGING_LEVEL": "DEBUG",
    "PREFECT_LOGGING_ROOT_LEVEL": "DEBUG",
    "PREFECT_LOGGING_SERVER_LEVEL": "DEBUG",
    "PREFECT_DEBUG_MODE": "true",
}
APPFILE = """
app: {app}
images:
  web:
    port: 8000
    build_secrets: [{build_secrets}]
    config: {{VERSION: "{version}", MODE: "{mode}"}}
secrets: {{{secrets}}}
tests:
  - [python3, -c, "import os; print(dict(os.environ)); raise SystemExit({tests})"]
environments:
  dev: {{port: {ports[0]}, gate: {{approvals: 0}}, health: {{bake: 500ms, deadline: {deadline}}}}}
  prod: {{port: {ports[1]}, gate: {{approvals: 1}}, health: {{bake: 500ms, deadline: {deadline}}}}}
"""
MOUNTED = (
    f"RUN --mount=type=secret,id={BUILD_SECRET},uid=65532 "
    f'["python3", "-c", "assert len(open(\'/run/secrets/{BUILD_SECRET}\').read()) == 32"]\n'
)
SAVE = """
import json, sys
from prefect.blocks.system import Secret
for name, value in json.load(sys.stdin).items():
    Secret(value=value).save(name)
"""


class LoudPrefect(Prefect):
    """Everything that it starts logs all that it can."""

    def _start(self, name: str, argv: list[str], own):  # type: ignore[no-untyped-def]
        return super()._start(name, argv, {**own, **LOUD})


@dataclass
class CanaryWorld:
    """Attributes: folder, all state of the stack and the app; outputs, what each command said."""

    folder: Path
    engine: docker.DockerClient
    secrets: tuple[str, ...] = (SECRET,)
    name: str = field(default_factory=lambda: f"canary{os.getpid()}")
    ports: list[int] = field(default_factory=lambda: [free_port() for _ in ENVIRONMENTS])
    outputs: list[Place] = field(default_factory=list)
    canaries: list[Canary] = field(default_factory=list)
    started: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        self.settings = StackSettings(
            name=self.name,
            state=self.folder / "state",
            registry_port=free_port(),
            prefect_port=free_port(),
        )
        self.source = WorkingCopy(self.folder / "source")
        self.tmp = self.folder / "tmp"

    def plant_before(self) -> None:
        """Passwords of the registry and the build secret, before the stack is made."""
        self.tmp.mkdir(parents=True)
        for user in USERS:
            path = Registry(self.settings).password_file(user)
            write_private(path, self._canary(f"registry password of {user}").text)
        build_secret = self._canary("build secret").text
        write_private(self.folder / "build-secrets" / BUILD_SECRET, build_secret)

    def plant_after(self) -> None:
        """The keys that the stack made, the approver's, and the runtime secrets."""
        build_key = load_pem_private_key(signing_key_file(self.settings).read_bytes(), None)
        ssh_key = load_ssh_private_key(self.approver.key.read_bytes(), None)
        for name, key in (("build key", build_key), ("approver's key", ssh_key)):
            assert isinstance(key, Ed25519PrivateKey)
            self.canaries.append(key_canary(name, key))
        values = {
            f"{self.name}--{where}--{secret}": self._canary(f"runtime {secret} of {where}").text
            for where in ENVIRONMENTS
            for secret in self.secrets
        }
        argv = [sys.executable, "-c", SAVE]
        self.run("secrets saved", argv, self.runtime, given=json.dumps(values))

    def plant_last(self) -> None:
        """The key that the first release made; at the end nothing else of `keys` is there."""
        receipt = load_pem_private_key((self.receipts / "receipt.pem").read_bytes(), None)
        assert isinstance(receipt, Ed25519PrivateKey)
        self.canaries.append(key_canary("receipt key", receipt))

    @property
    def receipts(self) -> Path:
        return self.settings.state / "keys"

    def _canary(self, name: str) -> Canary:
        self.canaries.append(text_canary(name))
        return self.canaries[-1]

    @property
    def approver(self) -> Approver:
        return enrol_approver(self.folder / "keys", self.settings.state / "allowed_signers")

    @property
    def processes(self) -> Processes:
        return processes_of(self.settings)

    @property
    def runtime(self) -> dict[str, str]:
        return {**read_environment(self.settings.runtime_environment), **LOUD}

    @property
    def build(self) -> dict[str, str]:
        """The agent's variables: the API's address, and none of the runtime tier's."""
        prefect = {k: v for k, v in self.runtime.items() if k.startswith("PREFECT_")}
        own = {"SLIPWAY_BUILD_SECRETS_DIR": str(self.folder / "build-secrets")}
        return {**prefect, **read_environment(self.settings.build_environment), **own}

    def start(
        self, what: str, argv: list[str], own: dict[str, str], given: str = ""
    ) -> "subprocess.Popen[bytes]":
        """A command whose output is kept in a file of that name."""
        with (self.folder / "out" / f"{what}.txt").open("wb") as out:
            process = subprocess.Popen(
                argv,
                cwd=PROJECT,
                env={**base_environment(os.environ), **own, "TMPDIR": str(self.tmp)},
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        assert process.stdin
        process.stdin.write(given.encode())
        process.stdin.close()
        return process

    def run(
        self, what: str, argv: list[str], own: dict[str, str], *, given: str = "", code: int = 0
    ) -> str:
        """The output of a command that ends with that code."""
        process = self.start(what, argv, own, given)
        try:
            found = process.wait(timeout=240)
        finally:
            process.kill()
            process.wait()
        said = (self.folder / "out" / f"{what}.txt").read_text(errors="replace")
        assert found == code, f"{what}: exit code {found}\n{said[-6000:]}"
        return said

    def commit(self, version: str, mode: str = "ok", tests: int = 0) -> None:
        """The app's repository at a version."""
        folder = self.source.folder
        if not folder.exists():
            folder.mkdir(parents=True)
            self.source.git("init", "--quiet", "--initial-branch=main")
            (folder / "app.py").write_text((TESTAPP / "app.py").read_text())
            dockerfile = (TESTAPP / "Dockerfile").read_text()
            first, _, rest = dockerfile.partition("\n")
            mounted = MOUNTED if self.has_buildkit else ""
            (folder / "Dockerfile").write_text(f"{first}\nUSER 65532:65532\n{mounted}{rest}")
        text = APPFILE.format(
            app=self.name,
            version=version,
            mode=mode,
            deadline="90s" if mode == "ok" else "10s",
            tests=tests,
            secrets=", ".join(f"{name}: {{owner: tests}}" for name in self.secrets),
            ports=self.ports,
            build_secrets=BUILD_SECRET if self.has_buildkit else "",
        )
        (folder / "slipway.yaml").write_text(text)
        self.source.commit(f"Version {version}")

    @property
    def has_buildkit(self) -> bool:
        """Whether a build here can mount a secret at all."""
        with tempfile.TemporaryDirectory() as folder:
            return asyncio.run(probe_way(self.engine, Path(folder))).client is not None

    def integrate(self, version: str, mode: str = "ok", *, code: int = 0, tests: int = 0) -> str:
        """A commit becomes a candidate; its reference."""
        self.commit(version, mode, tests)
        output = self.folder / "out" / version
        argv = [sys.executable, "-m", "flows.integrate", "--app-dir", str(self.source.folder)]
        argv += ["--output-dir", str(output)]
        return self.run(f"integrate {version}", argv, self.build, code=code).split()[-1]

    def trigger(self, deployment: str, **parameters: str) -> list[str]:
        given = [w for name, value in parameters.items() for w in ("--param", f"{name}={value}")]
        run = [sys.executable, "-m", "prefect", "deployment", "run", deployment]
        return [*run, *given, "--watch"]

    def release(self, candidate: str) -> None:
        """Through both environments, with a signed approval before the second."""
        argv = self.trigger("release/release", candidate=candidate, requested_by="jenkins")
        process = self.start("release", argv, self.runtime)
        try:
            asked = self.await_record("prod", Kind.REQUESTED)
            self.approve(candidate, str(asked.body["plan_hash"]))
            assert process.wait(timeout=240) == 0
        finally:
            process.kill()
            process.wait()

    def approve(self, candidate: str, plan: str) -> None:
        """The approver opens the gate before prod."""
        argv = [sys.executable, "-m", "slipway.cli", "approve", candidate]
        argv += ["--app", self.name, "--environment", "prod", "--plan", plan]
        argv += ["--key", str(self.approver.key), "--approver", self.approver.name]
        self.run("approve", argv, self.runtime)

    def deploy(self, what: str, candidate: str, code: int) -> None:
        argv = self.trigger("deploy/deploy", candidate=candidate, environment="dev")
        self.run(what, argv, self.runtime, code=code)

    def deploy_and_kill(self, candidate: str) -> None:
        """SIGKILL in the middle; the keeper has it recovered."""
        argv = self.trigger("deploy/deploy", candidate=candidate, environment="dev")
        before = len(self.ledger("dev").records())
        process = self.start("killed", argv, self.runtime)
        try:
            self.kill_holder(before)
        finally:
            process.kill()
            process.wait()

    def kill_holder(self, before: int) -> None:
        """SIGKILL for whoever deploys to dev, once it has said what; the keeper settles it."""
        self.await_record("dev", Kind.INTENT, after=before)
        lease = read_lease(self.ledger("dev").store, self.target("dev"))
        assert lease
        os.kill(int(lease.holder.rpartition(":")[2]), signal.SIGKILL)
        self.await_record("dev", Kind.CLOSED, after=before)
        assert open_claim(self.ledger("dev").records()) is None

    def target(self, environment: str) -> Target:
        return Target(app=self.name, environment=environment)

    def ledger(self, environment: str) -> Ledger:
        store = DirectoryStore(self.settings.state / "ledger")
        return Ledger(store, self.target(environment), "tester")

    def await_record(self, environment: str, kind: Kind, after: int = 0) -> Record:
        """The first record of a kind with a number above `after`."""
        until = time.monotonic() + 120
        while time.monotonic() < until:
            for record in self.ledger(environment).records():
                if record.number > after and record.kind is kind:
                    return record
            time.sleep(0.1)
        raise TimeoutError(f"{environment}: no {kind}")

    def places(self) -> Iterator[Place]:
        """Everything that is left, but for the files that are the secrets themselves."""
        state = self.settings.state
        registry, ledger = state / "registry", state / "ledger"
        homes = {"log": self.settings.logs, "blob": registry, "ledger": ledger}
        homes |= {"checkpoint": state / "checkpoints"}
        for kind, folder in homes.items():
            yield from places.files(kind, folder)
        own = [self.settings.secrets, self.receipts, *homes.values()]
        yield from places.files("file", state, own)
        yield from places.files("output", self.folder / "out")
        yield from places.files("temporary", self.tmp)
        yield from places.files("source", self.source.folder)
        yield from places.sqlite(state / "prefect" / "server" / "prefect.db")
        yield from places.prefect_api(self.settings.prefect_api)
        yield from places.images(self.engine, self.started, (self.name, self.settings.registry))
