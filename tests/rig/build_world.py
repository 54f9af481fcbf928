"""An agent that builds: an app in git, a registry, an engine, Trivy with the demo's advisories."""

import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blocks.build_tier import BuildTier
from blocks.builders.docker import plan_image
from blocks.builders.git import checked_out
from blocks.builders.inputs import BuiltImage, PlannedImage
from slipway.appfile import AppFile, parse
from slipway.cli.demo.sources import WorkingCopy
from slipway.cli.stack.advisories import write_demo_database
from slipway.cli.stack.settings import default_cache
from slipway.cli.stack.trivy import VERSION, find_trivy, install_trivy
from slipway.dsse import private_pem
from slipway.settings import BuildSettings
from tests.rig.docker_rig import CREDENTIALS, Rig
from tests.rig.ports import free_port
from tests.workers import locked

APPFILE = """
app: {app}
images: {{web: {{port: 8000{image}}}}}
tests: {tests}
environments: {{dev: {{port: {port}}}}}
"""
DOCKERFILE = """FROM slipway/python:3.11
COPY . /app/
USER 65532:65532
"""


def unheard(line: str) -> None:
    """Says nothing."""


@cache
def the_trivy() -> Path:
    """The one on PATH, else the pinned one, downloaded by one worker and checked by each."""
    with locked("trivy"):
        return find_trivy() or install_trivy(default_cache() / "trivy" / VERSION, unheard)


@dataclass
class BuildWorld:
    """One agent and one app of the test's own."""

    rig: Rig
    folder: Path
    name: str = field(default_factory=lambda: f"b{uuid.uuid4().hex[:8]}")
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        (self.folder / "app").mkdir()
        self.source = WorkingCopy(self.folder / "app")
        self.source.git("init", "--quiet", "--initial-branch=main")
        key = self.change_key()
        write_demo_database(self.folder / "trivy", datetime.now(UTC))
        trivy = the_trivy()
        self.variables = {
            "SLIPWAY_BUILD_REGISTRY": self.host,
            "SLIPWAY_BUILD_REGISTRY_USERNAME": CREDENTIALS["username"],
            "SLIPWAY_BUILD_REGISTRY_PASSWORD": CREDENTIALS["password"],
            "SLIPWAY_BUILD_SIGNING_KEY": str(key),
            "SLIPWAY_BUILD_TRIVY": str(trivy),
            "SLIPWAY_BUILD_TRIVY_CACHE": str(self.folder / "trivy"),
            "SLIPWAY_BUILD_SECRETS_DIR": str(self.folder / "secrets"),
        }

    def change_key(self) -> Path:
        """Another signing key, in the same file."""
        key = self.folder / "key.pem"
        key.touch(mode=0o600)
        key.write_bytes(private_pem(Ed25519PrivateKey.generate()))
        return key

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.rig.port}"

    def tier(self, **changed: str) -> BuildTier:
        """The agent with these settings changed, as in `registry_password`."""
        given = {
            name.removeprefix("SLIPWAY_BUILD_").lower(): v for name, v in self.variables.items()
        }
        return BuildTier(BuildSettings.model_validate({**given, **changed}))

    def commit(
        self,
        dockerfile: str = DOCKERFILE,
        image: str = "",
        tests: str = "[]",
        files: dict[str, str] | None = None,
    ) -> str:
        """Write app file, Dockerfile and files, and commit them; the revision."""
        appfile = APPFILE.format(app=self.name, image=image, tests=tests, port=self.port)
        texts = {"slipway.yaml": appfile, "Dockerfile": dockerfile, **(files or {})}
        for name, text in texts.items():
            path = self.source.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.source.commit("A change")
        return self.source.git("rev-parse", "HEAD").strip()

    def appfile(self) -> AppFile:
        return parse((self.source.folder / "slipway.yaml").read_bytes())

    def plan(self, tier: BuildTier | None = None) -> PlannedImage:
        """What the only image is made of."""
        tier = tier or self.tier()
        with checked_out(self.source.folder) as tree:
            return plan_image(tree, self.appfile(), "web", tier.bases)

    async def build(
        self, tier: BuildTier | None = None, say: Callable[[str], None] = unheard
    ) -> BuiltImage:
        """The only image, built of what git holds."""
        tier = tier or self.tier()
        scratch = self.folder / uuid.uuid4().hex
        (scratch / "app").mkdir(parents=True)
        (scratch / "build").mkdir()
        with checked_out(self.source.folder) as tree:
            planned = plan_image(tree, self.appfile(), "web", tier.bases)
            tree.copy_to(scratch / "app")
        return await tier.builder.build(planned, scratch / "app", scratch / "build", tier.host, say)

    def environment(self) -> dict[str, str]:
        """What an agent's process has, beside what every process has."""
        kept = ("PATH", "HOME", "LANG", "PIP_", "SSL_", "DOCKER_HOST")
        outer = {name: value for name, value in os.environ.items() if name.startswith(kept)}
        return {**outer, **self.variables, "PREFECT_HOME": str(self.folder / "prefect")}
