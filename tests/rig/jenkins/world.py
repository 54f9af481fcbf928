"""A team with a Jenkins: an app in git, an agent that builds, and the stack that it releases to."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from slipway.cli.demo.sources import WorkingCopy
from slipway.cli.stack.prefect import client_environment
from slipway.cli.stack.settings import PROJECT
from slipway.dsse import public_pem
from tests.fakes.github import FakeGithub
from tests.fakes.github import serving as serving_github
from tests.fakes.smtp import FakeSmtp, variables
from tests.fakes.smtp import serving as serving_mail
from tests.rig.build_world import BuildWorld
from tests.rig.canaries import Canary, Hit, Sweep, key_canary, text_canary
from tests.rig.docker_rig import CREDENTIALS, TESTAPP
from tests.rig.jenkins.controller import Built, Controller, login, secret_file, text
from tests.rig.prefect_rig import App, PrefectRig

APPFILE = """
app: {app}
images: {{web: {{port: 8000, config: {{VERSION: "{version}", MODE: "{mode}"}}}}}}
tests:
  - [python3, -m, pytest, -q]
environments:
  dev: {{port: {ports[0]}, gate: {{approvals: 0}}, health: {{bake: 200ms, deadline: 20s}}}}
  prod: {{port: {ports[2]}, gate: {{approvals: 0}}, health: {{bake: 200ms, deadline: 20s}}}}
"""
TEST = "def test_sums() -> None:\n    assert {claim}, 'no sums today'\n"
OLD_FLASK = "Metadata-Version: 2.1\nName: flask\nVersion: 2.3.1\n"
REPOSITORY = "https://github.com/team/shop.git"
GIVEN_BY_JENKINS = ("SLIPWAY_BUILD_REGISTRY_", "SLIPWAY_BUILD_SIGNING_KEY")
REQUESTER = "dora@example.org"
USER = "hudson.model.Cause$UserIdCause"


@dataclass
class Team:
    """Attributes: app, what runs where; source, its repository; jenkins, its controller."""

    prefect: PrefectRig
    folder: Path
    github: FakeGithub
    mail: FakeSmtp
    authorization: Canary = field(default_factory=lambda: text_canary("prefect authorization"))
    token: Canary = field(default_factory=lambda: text_canary("git token"))
    mailing: Canary = field(default_factory=lambda: text_canary("mail password"))

    def __post_init__(self) -> None:
        self.app = App(self.prefect)
        self.agent = BuildWorld(self.prefect.docker, self.folder, name=self.app.name)
        self.source: WorkingCopy = self.agent.source
        self.github.token = self.token.text
        self.mail.login = ("jenkins", self.mailing.text)
        pem = (self.folder / "key.pem").read_text()
        key = load_pem_private_key(pem.encode(), None)
        assert isinstance(key, Ed25519PrivateKey)
        trusted = self.prefect.folder / "trusted-keys" / f"{self.app.name}.pem"
        trusted.write_bytes(public_pem(key.public_key()))
        password = Canary("registry password", CREDENTIALS["password"].encode())
        logins = (self.authorization, self.token, self.mailing, password)
        self.canaries = (*logins, key_canary("build key", key))
        self.jenkins = Controller(
            folder=self.folder / "jenkins",
            agent=self.agent_environment(),
            address=REPOSITORY,
            credentials={
                "prefect-api-url": text(self.prefect.settings.prefect_api),
                "prefect-api-auth": text(self.authorization.text),
                "docker-registry-credentials": login(**CREDENTIALS),
                "git-credentials": login("ci", self.token.text),
                "build-mail-credentials": login("jenkins", self.mailing.text),
                "build-signing-key": secret_file("build-signing-key.pem", pem),
            },
        )

    def agent_environment(self) -> dict[str, str]:
        """What the agent has before Jenkins gives it anything; git finds the repository here."""
        own = self.agent.environment()
        kept = {name: v for name, v in own.items() if not name.startswith(GIVEN_BY_JENKINS)}
        return {
            **{name: value for name, value in kept.items() if name != "PREFECT_HOME"},
            "SLIPWAY_HOME": str(PROJECT),
            "SLIPWAY_COMMIT_STATUS": "true",
            "GITHUB_API_URL": self.github.url,
            **variables(self.mail, self.folder),
            "SLIPWAY_MAIL_LOGIN": "true",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{self.source.folder}.insteadOf",
            "GIT_CONFIG_VALUE_0": REPOSITORY,
        }

    def commit(
        self, version: str, mode: str = "ok", claim: str = "1 + 1 == 2", *, bad: bool = False
    ) -> str:
        """The app at a version; `bad` adds a library with a known hole. The revision."""
        appfile = APPFILE.format(
            app=self.app.name, version=version, mode=mode, ports=self.app.ports
        )
        files = {
            "slipway.yaml": appfile,
            "app.py": (TESTAPP / "app.py").read_text(),
            "Dockerfile": dockerfile(),
            "test_sums.py": TEST.format(claim=claim),
            "site/flask-2.3.1.dist-info/METADATA": OLD_FLASK if bad else "",
        }
        for name, content in files.items():
            path = self.source.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        self.source.commit(f"Version {version}")
        return self.source.git("rev-parse", "HEAD").strip()

    def build(self, variables: dict[str, str] | None = None, **params: str) -> Built:
        """A build of the newest commit, started by somebody with a name."""
        newest = self.source.git("rev-parse", "HEAD").strip()
        cause = {"_class": USER, "userId": REQUESTER}
        given = {"APP_DIR": ".", **params}
        return self.jenkins.build(newest, causes=[cause], variables=variables, **given)

    def integrate(self) -> str:
        """A candidate of the newest commit, made without Jenkins."""
        argv = [sys.executable, "-m", "flows.integrate", "--output-dir", str(self.folder / "out")]
        done = subprocess.run(
            [*argv, "--app-dir", str(self.source.folder)],
            env={**self.agent.environment(), **client_environment(self.prefect.settings)},
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=180,
            check=True,
        )
        return done.stdout.strip()

    def hits(self, built: Built) -> list[Hit]:
        """Credentials in what a build said, before any masking, and in what it left."""
        left = [(str(path), path.read_bytes()) for path in built.archive.rglob("*")]
        told = json.dumps([built.report, self.github.statuses]).encode()
        places = [("console", built.console.encode()), ("unmasked", built.raw.encode())]
        mails = [("mail", raw) for raw in self.mail.raw]
        return Sweep(self.canaries).hits([*places, ("report", told), *mails, *left])


def dockerfile() -> str:
    """The test app's own, with the folder of libraries and a user."""
    first, _, rest = (TESTAPP / "Dockerfile").read_text().partition("\n")
    return f"{first}\nCOPY site /app/site\nUSER 65532:65532\n{rest}"


@contextmanager
def team(prefect: PrefectRig, folder: Path) -> Iterator[Team]:
    """A team; what it released is removed afterwards."""
    assert not [name for name in os.environ if name.startswith("SLIPWAY_BUILD")]
    with serving_github(FakeGithub()) as github, serving_mail(FakeSmtp(), folder) as mail:
        made = Team(prefect, folder, github, mail)
        try:
            yield made
        finally:
            made.app.close()
