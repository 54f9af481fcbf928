"""What the story plays with: the stack, its variables, the app's repository, the people."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from uuid import uuid4

from pydantic import SecretStr

from slipway.appfile import AppFile, parse
from slipway.approval import ApprovalRequest
from slipway.cli.demo.flow_runs import COMPLETED, follow, run_id
from slipway.cli.demo.people import REQUESTER, Approver, enrol_approver
from slipway.cli.demo.running import Done, Runner
from slipway.cli.demo.sources import WorkingCopy
from slipway.cli.demo.telling import Teller
from slipway.cli.demo.watching import Watcher
from slipway.cli.demo.ways import Find, as_named
from slipway.cli.prefect_api import PrefectApi
from slipway.cli.stack.settings import StackSettings
from slipway.cli.stack.variables import read_environment
from slipway.directory_store import DirectoryStore
from slipway.errors import StepFailed
from slipway.names import short_digest
from slipway.release import Target

EXAMPLE = "fastapi"
HANDED_OVER = "image-digest.env"
LOGGED = re.compile(r"[0-9:.]+ \| ([A-Z]+) +\| ")
ENDED = re.compile(r"Task run '([^']+)' - Finished in state (\w+)")


@dataclass(frozen=True)
class Scene:
    """One stack with one app."""

    settings: StackSettings
    teller: Teller

    @property
    def folder(self) -> Path:
        """Everything that the demo makes."""
        return self.settings.state / "demo"

    @cached_property
    def source(self) -> WorkingCopy:
        """The app's repository, made anew."""
        return WorkingCopy.of_example(EXAMPLE, self.folder / "vouchers")

    @cached_property
    def appfile(self) -> AppFile:
        """The app file of the example."""
        return parse((self.source.folder / "slipway.yaml").read_bytes())

    @cached_property
    def approver(self) -> Approver:
        """Another person than the author and the requester."""
        return enrol_approver(self.folder / "keys", self.settings.state / "allowed_signers")

    @cached_property
    def runner(self) -> Runner:
        """Runs commands."""
        return Runner(self.teller)

    @cached_property
    def runtime(self) -> Mapping[str, str]:
        """Variables of an operator."""
        return read_environment(self.settings.runtime_environment)

    @cached_property
    def build(self) -> Mapping[str, str]:
        """Variables of the agent that builds: its own credentials, none of the runtime's."""
        prefect = {name: v for name, v in self.runtime.items() if name.startswith("PREFECT_")}
        return {**prefect, **read_environment(self.settings.build_environment)}

    @cached_property
    def prefect(self) -> PrefectApi:
        """The stack's Prefect server."""
        return PrefectApi(self.settings.prefect_api, {}, None)

    @cached_property
    def watcher(self) -> Watcher:
        """Tells what happens in the ledger, and lets the approver sign."""
        targets = [self.target(name) for name in self.appfile.environments]
        store = DirectoryStore(Path(self.runtime["SLIPWAY_LEDGER"]))
        return Watcher(store, targets, self.teller.step, self.approve)

    def target(self, environment: str) -> Target:
        """One environment of the app."""
        return Target(app=self.appfile.app, environment=environment)

    def addresses(self) -> dict[str, str]:
        """Where users reach each environment."""
        places = self.appfile.environments.items()
        return {name: f"http://127.0.0.1:{place.port}" for name, place in places}

    @property
    def find(self) -> Find:
        """How the counting client reaches an address."""
        return as_named

    def prepare(self) -> None:
        """What the platform needs before the first release: nothing on the Docker engine."""

    def store_secrets(self) -> list[str]:
        """Save a made-up value of each runtime secret as a Prefect Secret block, where none is."""
        from prefect.blocks.system import Secret

        from blocks.secrets.prefect import secret_block, secret_prefix

        prefixes = [secret_prefix(target) for target in self.watcher.targets]
        names = [secret_block(prefix, name) for prefix in prefixes for name in self._names]
        for name in names:
            try:
                Secret.load(name)
            except ValueError:
                Secret(value=SecretStr(secrets.token_urlsafe(48))).save(name)
        return names

    @property
    def _names(self) -> list[str]:
        return list(self.appfile.secrets)

    def integrate(self) -> str:
        """Test, build, scan, push, sign; the candidate."""
        output = self.folder / "out"
        argv = ["python", "-m", "flows.integrate", "--app-dir", str(self.source.folder)]
        self.runner.run([*argv, "--output-dir", str(output)], self.build, hear=self._tell_news)
        return read_candidate(output / HANDED_OVER)

    def _tell_news(self, line: str) -> None:
        if told := news(line):
            self.teller.step(told)

    def release(
        self,
        candidate: str,
        *,
        expect: str = COMPLETED,
        through: str | None = None,
        typed: bool = False,
    ) -> None:
        """Release through the worker and wait for its end; the ledger is told meanwhile."""
        parameters = {"candidate": candidate, "requested_by": REQUESTER}
        if through:
            parameters["through"] = through
        self.run_flow("release", parameters, expect, typed=typed)

    def run_flow(
        self,
        flow: str,
        parameters: Mapping[str, str],
        expect: str = COMPLETED,
        *,
        typed: bool = False,
    ) -> None:
        """Run the deployment of a flow by the worker, and follow ledger and run to its end.

        Args:
            typed: started by a command, which takes seconds to load Prefect; else by the request
                that the UI sends.

        Raises:
            StepFailed: the run ended in another state type than expected, or not in time.
        """
        self.watcher.skip()
        run = (self._type_run if typed else self._request_run)(flow, parameters)
        follow(self.prefect, run, self.watcher, self.teller.step, expect)

    def _type_run(self, flow: str, parameters: Mapping[str, str]) -> str:
        argv = ["prefect", "deployment", "run", f"{flow}/{flow}"]
        for name, value in parameters.items():
            argv += ["--param", f"{name}={value}"]
        return run_id(self.runner.run(argv, self.runtime, look=self.watcher).output)

    def _request_run(self, flow: str, parameters: Mapping[str, str]) -> str:
        values = ", ".join(f"{name}={value}" for name, value in parameters.items())
        self.teller.say(f"{flow}/{flow} is run as the UI does it, with {values}")
        return self.prefect.start_run(self.prefect.deployment(flow), parameters, uuid4().hex)

    def slipway(self, *argv: str) -> Done:
        """One command of the operator; what it prints is shown."""
        return self.runner.run(["slipway", *argv], self.runtime, hear=self.teller.printed)

    def approve(self, target: Target, request: ApprovalRequest) -> None:
        """What the approver does when a gate asks: look, sign, hand in."""
        person = self.approver
        self.teller.say(
            f"{person.name} is neither author nor requester, and signs exactly this plan:"
        )
        argv = ["approve", request.candidate, "--app", target.app]
        argv += ["--environment", target.environment, "--plan", request.plan_hash]
        argv += ["--key", str(person.key), "--approver", person.name]
        self.slipway(*argv)


def news(line: str) -> str | None:
    """A line of integrate's output as the story tells it; None for what only a log needs. Pure."""
    if ended := ENDED.search(line):
        return f"{ended[1]}: {ended[2].lower()}"
    level = LOGGED.match(line)
    if level and level[1] == "INFO":
        return None
    return line if line.strip() and not line.startswith(" ") else None


def read_candidate(path: Path) -> str:
    """The CANDIDATE line of what integrate hands over.

    Raises:
        StepFailed: there is none.
    """
    lines = path.read_text().splitlines() if path.exists() else []
    found = [line.partition("=")[2].strip("'\"") for line in lines if line.startswith("CANDIDATE=")]
    if not found:
        raise StepFailed(f"{path} names no candidate", next_step="run integrate again")
    return found[0]


def short(candidate: str) -> str:
    """A candidate for people."""
    return short_digest(candidate.rpartition("@")[2])
