"""What measurements share: a registry, an engine, a Prefect server, made when first needed."""

import os
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tests.rig.docker_rig import Rig
from tests.rig.docker_world import World
from tests.rig.doomed import Site
from tests.rig.prefect_api import PrefectApi, prefect_api
from tests.rig.prefect_rig import App, PrefectRig
from tests.rig.shells import Shell
from tests.workers import HOME


@dataclass
class Session:
    """One run of the bench.

    Attributes:
        rounds: how often each way is measured.
    """

    rounds: int
    ends: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        os.environ.setdefault(HOME, str(self.folder))  # where the rig keeps its locks

    @cached_property
    def folder(self) -> Path:
        """For everything that is left behind."""
        return Path(self.ends.enter_context(tempfile.TemporaryDirectory(prefix="slipway-bench-")))

    def new_folder(self, name: str) -> Path:
        made = self.folder / name
        made.mkdir()
        return made

    @cached_property
    def docker(self) -> Rig:
        """A registry of our own on the real engine."""
        rig = Rig()
        self.ends.callback(rig.close)
        return rig.start()

    @cached_property
    def image(self) -> str:
        """The test app, pushed, by digest."""
        return self.docker.push_testapp("one")

    @cached_property
    def server(self) -> PrefectApi:
        """A Prefect server alone, on SQLite."""
        return self.ends.enter_context(prefect_api(self.new_folder("server")))

    @cached_property
    def prefect(self) -> PrefectRig:
        """Prefect server, worker and keeper as `make up` starts them."""
        folder = self.new_folder("stack")
        signers = folder / "allowed-signers"
        signers.touch()
        rig = PrefectRig(self.docker, folder, self.image, signers)
        self.ends.callback(rig.close)
        return rig.start()

    def site(self, name: str) -> Site:
        """A target on the engine with its ledger; removed at the end."""
        world = World(self.docker, self.image)
        self.ends.callback(world.close)
        return Site(world, self.new_folder(name), lease_seconds=15)

    def shell(self, name: str) -> Shell:
        """An operator's shell with an app of its own, and no Prefect server anywhere."""
        folder = self.new_folder(name)
        signers = folder / "allowed-signers"
        signers.touch()
        rig = PrefectRig(self.docker, folder, self.image, signers)
        rig.write_keys()
        made = Shell(rig, App(rig))
        self.ends.callback(made.app.close)
        self.ends.callback(made.close)
        return made
