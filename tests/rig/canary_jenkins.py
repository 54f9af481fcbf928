"""A Jenkins whose every credential is a canary, beside a stack whose every runtime secret is one.

The real Jenkinsfile runs in the executor: its checkout, its credentials, its shells, its artifacts.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

from slipway.cli.stack.environment import signing_key_file
from slipway.cli.stack.prefect import SERVER, Prefect
from slipway.cli.stack.registry import Registry
from slipway.cli.stack.settings import PROJECT
from slipway.ledger import Kind
from tests.rig import places
from tests.rig.canaries import Canary, Place
from tests.rig.canary_world import LOUD, CanaryWorld, LoudPrefect
from tests.rig.jenkins.controller import JENKINSFILE, Built, Controller, login, secret_file, text
from tests.rig.jenkins.world import GIVEN_BY_JENKINS, REPOSITORY, USER

# At DEBUG the server itself logs each header of a WebSocket: docs/jenkins.md tells to leave it.
QUIET_SERVER = {"PREFECT_LOGGING_SERVER_LEVEL": "INFO", "PREFECT_LOGGING_ROOT_LEVEL": "WARNING"}
RUNTIME = ("database-url", "external-api-keys", "application-config")
OF_JENKINS = {
    *("registry password of pusher", "prefect authorization", "git token", "build key"),
    "build secret",
}
INTO_ITS_WORK = 4  # seconds after its start at which a process is killed
SPY_SECONDS = 0.3


class TalkedToPrefect(LoudPrefect):
    """A server that clients with a credential talk to; it does not log what they send."""

    def _start(self, name: str, argv: list[str], own):  # type: ignore[no-untyped-def]
        quiet = QUIET_SERVER if name == SERVER else {}
        return Prefect._start(self, name, argv, {**own, **LOUD, **quiet})


@dataclass
class JenkinsWorld(CanaryWorld):
    """Attributes: github, address of a GitHub that takes statuses; watched, what was seen of
    processes and containers; spied, what was seen in the workspace while builds ran.
    """

    secrets: tuple[str, ...] = RUNTIME
    github: str = ""
    watched: list[Place] = field(default_factory=list)
    spied: list[Place] = field(default_factory=list)

    def plant_before(self) -> None:
        super().plant_before()
        self.authorization = self._canary("prefect authorization")
        self.token = self._canary("git token")

    @property
    def build_canaries(self) -> tuple[Canary, ...]:
        """What the building tier alone holds: credentials, and a build secret on the agent."""
        return tuple(canary for canary in self.canaries if canary.name in OF_JENKINS)

    @property
    def runtime_canaries(self) -> tuple[Canary, ...]:
        """What the running tier alone holds."""
        return tuple(canary for canary in self.canaries if canary.name not in OF_JENKINS)

    @cached_property
    def jenkins(self) -> Controller:
        """One job on one agent."""
        return Controller(
            folder=self.folder / "jenkins",
            agent=self._agent(),
            address=REPOSITORY,
            credentials={
                "prefect-api-url": text(self.settings.prefect_api),
                "prefect-api-auth": text(self.authorization.text),
                "docker-registry-credentials": login(
                    **Registry(self.settings).credentials("pusher")
                ),
                "git-credentials": login("ci", self.token.text),
                "build-signing-key": secret_file(
                    "build-signing-key.pem", signing_key_file(self.settings).read_text()
                ),
            },
        )

    def _agent(self) -> dict[str, str]:
        """What the agent has before Jenkins gives it anything; git finds the repository here."""
        left_out = (*GIVEN_BY_JENKINS, "PREFECT_")
        own = {name: v for name, v in self.build.items() if not name.startswith(left_out)}
        return {
            **own,
            **LOUD,
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.tmp),
            "SLIPWAY_HOME": str(PROJECT),
            "SLIPWAY_COMMIT_STATUS": "true",
            "GITHUB_API_URL": self.github,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{self.source.folder}.insteadOf",
            "GIT_CONFIG_VALUE_0": REPOSITORY,
        }

    @property
    def workspace(self) -> Path:
        """Where builds work; Jenkins' own files for a step are in `@tmp` beside it."""
        return self.jenkins.folder / "workspace"

    def build_app(
        self, jenkinsfile: Path = JENKINSFILE, variables: dict[str, str] | None = None
    ) -> Built:
        """A build of what the repository holds now, to its end."""
        (self.folder / "home").mkdir(exist_ok=True)
        return self.jenkins.build(
            self.source.git("rev-parse", "HEAD").strip(),
            jenkinsfile=jenkinsfile,
            variables=variables,
            causes=[{"_class": USER, "userId": "dora@example.org"}],
            APP_DIR=".",
        )

    @contextmanager
    def building(self) -> Iterator["Future[Built]"]:
        """A build that runs meanwhile, to its end."""
        with ThreadPoolExecutor(1) as pool:
            yield pool.submit(self.build_app)

    def build_and_release(self) -> Built:
        """A build whose release is approved on its way."""
        with self.building() as build:
            asked = self.await_record("prod", Kind.REQUESTED)
            digests = next(self.workspace.rglob("image-digest.env")).read_text()
            candidate = digests.partition("CANDIDATE=")[2].split()[0]
            self.approve(candidate, str(asked.body["plan_hash"]))
        return build.result()

    def build_and_kill_release(self) -> Built:
        """SIGKILL for the flow that releases; the keeper has it recovered."""
        before = len(self.ledger("dev").records())
        with self.building() as build:
            self.kill_holder(before)
        return build.result()

    def build_and_kill_integrate(self) -> Built:
        """SIGKILL for `integrate`, some seconds into its work."""
        with self.building() as build:
            pid = self.pid_of(b"flows.integrate")
            time.sleep(INTO_ITS_WORK)
            os.kill(pid, signal.SIGKILL)
        return build.result()

    def pid_of(self, module: bytes) -> int:
        """The process of the build that runs that module."""
        until = time.monotonic() + 90
        while time.monotonic() < until:
            for folder in Path("/proc").iterdir():
                with suppress(OSError):
                    if folder.name.isdigit() and self._runs(folder, module):
                        return int(folder.name)
            time.sleep(0.1)
        raise TimeoutError(f"no process runs {module!r}")

    def _runs(self, folder: Path, module: bytes) -> bool:
        words = (folder / "cmdline").read_bytes().split(b"\0")
        ours = str(self.workspace).encode() in (folder / "environ").read_bytes()
        return ours and b"python" in words[0] and module in words

    def jenkins_places(self) -> Iterator[Place]:
        """What a build said before any masking, what it left, and what was in its workspace."""
        for build in self.jenkins.builds:
            home = build.archive.parent.parent
            yield f"console: {home.name}", build.raw.encode()
            yield f"report: {home.name}", (home / "report.json").read_bytes()
            yield from places.files(f"artifact: {home.name}", home / "archive")
        yield from places.files("workspace", self.workspace)
        yield from places.files("home", self.folder / "home")
        yield from self.spied


class Spy:
    """Reads what appears in the workspace, until it is left."""

    def __init__(self, world: JenkinsWorld) -> None:
        self._world = world
        self._seen: set[tuple[Path, int]] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._repeat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _repeat(self) -> None:
        while not self._ended.wait(SPY_SECONDS):
            with suppress(OSError):  # a folder that is gone again
                for path in sorted(self._world.workspace.rglob("*")):
                    with suppress(OSError):
                        self._look(path)

    def _look(self, path: Path) -> None:
        found = (path, path.stat().st_mtime_ns)
        if path.is_file() and found not in self._seen:
            self._seen.add(found)
            name = path.relative_to(self._world.workspace)
            self._world.spied.append((f"workspace: {name} meanwhile", path.read_bytes()))
