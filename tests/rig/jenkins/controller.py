"""A controller with one agent and one job: credentials, consoles, artifacts, numbers of builds."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.cli.stack.settings import PROJECT
from tests.rig.jenkins.tools import groovy

EXECUTOR = Path(__file__).parent / "executor.groovy"
JENKINSFILE = PROJECT / "Jenkinsfile"
URL = "https://jenkins.example.org/job/shop/"
Credential = dict[str, str]


def text(secret: str) -> Credential:
    """Secret text."""
    return {"kind": "string", "secret": secret}


def login(username: str, password: str) -> Credential:
    """Username with password."""
    return {"kind": "usernamePassword", "username": username, "password": password}


def secret_file(name: str, content: str) -> Credential:
    """Secret file."""
    return {"kind": "file", "name": name, "content": content}


@dataclass(frozen=True)
class Built:
    """One build that ended.

    Attributes:
        code: exit code of the executor, 0 for SUCCESS alone.
        console: as people see it; `raw` as it would be without masking.
        report: what the executor wrote down: `result`, `stages`, `artifacts`, `credentials`, ...
        archive: the folder of its artifacts.
    """

    code: int
    console: str
    raw: str
    report: dict[str, Any]
    archive: Path

    @property
    def result(self) -> str:
        return str(self.report["result"])

    @property
    def stages(self) -> dict[str, str]:
        """How each stage ended, in their order."""
        return dict(self.report["stages"])

    @property
    def ran(self) -> list[str]:
        """Stages that did not skip."""
        return [name for name, end in self.stages.items() if not end.startswith("skipped")]

    @property
    def artifacts(self) -> dict[str, str]:
        """MD5 fingerprint by name, without the folder."""
        return {Path(name).name: print_ for name, print_ in self.report["artifacts"].items()}

    @property
    def credentials(self) -> dict[str, set[str]]:
        """Ids that were bound, by stage."""
        found: dict[str, set[str]] = {}
        for stage, name in self.report["credentials"]:
            found.setdefault(stage, set()).add(name)
        return found


@dataclass
class Controller:
    """Attributes: agent, variables of the agent; repository, what is checked out."""

    folder: Path
    agent: dict[str, str]
    credentials: dict[str, Credential]
    repository: str = ""
    address: str = ""
    builds: list[Built] = field(default_factory=list)

    def build(
        self,
        commit: str = "HEAD",
        *,
        jenkinsfile: Path = JENKINSFILE,
        variables: dict[str, str] | None = None,
        causes: list[dict[str, str]] | None = None,
        seconds: float = 240,
        **params: str,
    ) -> Built:
        """The next build, to its end."""
        number = len(self.builds) + 1
        home = self.folder / "builds" / str(number)
        home.mkdir(parents=True)
        given = {
            "agent": self.agent,
            "environment": {**self._named(number), **(variables or {})},
            "params": params,
            "causes": causes or [],
            "credentials": self.credentials,
            "inputs": {},
            "scm": {"url": self.address or self.repository, "commit": commit, "branch": "main"},
            "workspace": str(self.folder / "workspace" / "shop"),
            "archive": str(home / "archive"),
            "raw": str(home / "raw.txt"),
            "previous": self.builds[-1].result if self.builds else None,
        }
        self.builds.append(_execute(home, jenkinsfile, given, seconds))
        return self.builds[-1]

    def _named(self, number: int) -> dict[str, str]:
        return {
            "BUILD_NUMBER": str(number),
            "BUILD_TAG": f"jenkins-{self.folder.name}-{number}",
            "BUILD_URL": f"{URL}{number}/",
            "JOB_NAME": "shop",
        }


def _execute(home: Path, jenkinsfile: Path, given: dict[str, Any], seconds: float) -> Built:
    (home / "build.json").write_text(json.dumps(given))
    argv = [
        *groovy(EXECUTOR),
        str(jenkinsfile),
        str(home / "build.json"),
        str(home / "report.json"),
    ]
    done = subprocess.run(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    report = home / "report.json"
    assert report.exists(), done.stdout
    return Built(
        code=done.returncode,
        console=done.stdout,
        raw=(home / "raw.txt").read_text(),
        report=json.loads(report.read_text()),
        archive=home / "archive" / "slipway-out",
    )
