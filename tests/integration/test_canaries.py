"""No secret gets out: random values planted as every secret of a private stack, then a search.

One story with everything in it: integrate (also red), a release through a signed gate, one that
fails and is restored, one killed with SIGKILL and recovered; all of it logging at DEBUG. The same
search has to find a bait that was left in every kind of place, so it is able to fail.
"""

import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import docker
import httpx
import pytest
from docker.errors import NotFound

from slipway.cli.stack import down, stack, up
from slipway.cli.stack.images import push_image
from slipway.cli.stack.registry import Registry
from tests.rig.canaries import Canary, Hit, Place, Sweep, text_canary
from tests.rig.canary_world import CanaryWorld, LoudPrefect
from tests.rig.docker_rig import image_names, remove_target
from tests.rig.places import Watch

pytestmark = [pytest.mark.engine, pytest.mark.prefect, pytest.mark.timeout(900)]

KINDS = {
    *("log", "blob", "ledger", "checkpoint", "file", "output", "temporary", "source"),
    *("sqlite", "api", "history", "inspect", "argv", "environ"),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CanaryWorld]:
    """A stack of our own that is up, in which every secret is a canary."""
    folder = tmp_path_factory.mktemp("canaries")
    with closing(docker.from_env()) as engine, pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack, "Prefect", LoudPrefect)
        made = CanaryWorld(folder, engine)
        (folder / "out").mkdir()
        made.plant_before()
        try:
            up(made.settings)
            made.plant_after()
            yield made
        finally:
            down(made.settings)
            for environment in ("dev", "prod"):
                remove_target(engine, made.target(environment))
            remove_images(engine, made)


def remove_images(engine: docker.DockerClient, world: CanaryWorld) -> None:
    """What the story built or pulled by name."""
    for name in image_names(engine):
        if world.settings.registry in name or world.name in name:
            with suppress(NotFound):
                engine.images.remove(name, force=True)


def tell_story(world: CanaryWorld) -> None:
    """Everything that a team does with it, well and badly."""
    one = world.integrate("one")
    world.integrate("red", code=4, tests=1)
    bad, three = world.integrate("two", "never-ready"), world.integrate("three")
    world.release(one)
    world.deploy("failing", bad, code=1)
    world.deploy_and_kill(three)
    world.plant_last()


@pytest.fixture(scope="module")
def bait() -> Canary:
    return text_canary("bait")


@pytest.fixture(scope="module")
def found(world: CanaryWorld, bait: Canary) -> list[Hit]:
    """Hits of the whole search, for the secrets and for the bait."""
    with Watch(world.engine) as watch:
        tell_story(world)
        with baited(world, bait):
            rounds = watch.rounds
            until(lambda: watch.rounds >= rounds + 3 and is_seen(watch, bait))
            places: Iterator[Place] = world.places()
            hits = Sweep((*world.canaries, bait)).hits(places)
    assert watch.rounds > 100
    return hits + Sweep((*world.canaries, bait)).hits(watch.seen())


def is_seen(watch: Watch, bait: Canary) -> bool:
    return any(bait.value in data for name, data in watch.seen() if name.startswith("inspect"))


def until(is_so: object) -> None:
    """Wait up to 20 s; what is missing is told by the search."""
    for _ in range(200):
        if is_so():  # type: ignore[operator]
            return
        threading.Event().wait(0.1)


class baited:  # noqa: N801 - used as a function
    """The bait lies in one place of each kind."""

    def __init__(self, world: CanaryWorld, bait: Canary) -> None:
        self.world, self.bait = world, bait.text

    def __enter__(self) -> None:
        world, bait = self.world, self.bait
        state = world.settings.state
        for folder in (
            *(world.settings.logs, state / "ledger", state / "checkpoints", state),
            *(world.folder / "out", world.tmp, world.source.folder),
        ):
            (folder / "bait").write_text(f"x{bait}y")
        variable = {"name": "bait", "value": bait}
        url = f"{world.settings.prefect_api}/variables/"
        httpx.post(url, json=variable, timeout=30).raise_for_status()
        self._bait_engine()
        argv = [sys.executable, "-c", "import time; time.sleep(600)", bait]
        self.process = subprocess.Popen(argv, env={"BAIT": bait})

    def _bait_engine(self) -> None:
        world, bait = self.world, self.bait
        tag = f"{world.name}/bait:1"
        dockerfile = f'FROM slipway/python:3.11\nLABEL bait="{bait}"\n'
        world.engine.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=tag, rm=True)
        target = f"{world.settings.registry}/bait:1"
        push_image(world.engine, tag, target, Registry(world.settings).credentials("pusher"))
        self.container = world.engine.containers.create(
            tag, ["python3"], environment={"BAIT": bait}
        )

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.container.remove(force=True)


def test_no_secret_gets_out(found: list[Hit]) -> None:
    """G8, G9, G10, G11: in no log, table, answer, record, image, container, argument or file."""
    leaks = [str(hit) for hit in found if hit.canary != "bait"]
    assert leaks == []


def test_the_search_is_able_to_fail(found: list[Hit]) -> None:
    """G8: a bait in each kind of place is found there."""
    assert {hit.place.partition(":")[0] for hit in found if hit.canary == "bait"} == KINDS


def test_the_story_happened(world: CanaryWorld, found: list[Hit]) -> None:
    """G8: the secrets were used: a release was approved, one restored, one killed and settled."""
    outcomes = {
        environment: [
            record.body["outcome"]
            for record in world.ledger(environment).records()
            if "outcome" in record.body
        ]
        for environment in ("dev", "prod")
    }
    assert outcomes["prod"] == ["released"]
    assert outcomes["dev"][:2] == ["released", "restored"]
    assert len(outcomes["dev"]) == 3
    logged = "".join(path.read_text(errors="replace") for path in logs(world))
    assert "| DEBUG" in logged
    port = world.ports[1]
    answer = httpx.get(f"http://127.0.0.1:{port}/secret/database-password", timeout=10)
    assert answer.text == "32"


def logs(world: CanaryWorld) -> list[Path]:
    return sorted(world.settings.logs.glob("*.log"))


def test_builds_and_runs_share_no_secret(world: CanaryWorld, found: list[Hit]) -> None:
    """G11, S0-01, DC-06: the agent that builds names no place of the runtime tier, nor back."""
    build, runtime = json.dumps(world.build), json.dumps(world.runtime)
    places = [Registry(world.settings).password_file(user) for user in ("pusher", "puller")]
    assert [str(place) in build for place in places] == [True, False]
    assert [str(place) in runtime for place in places] == [False, True]
    assert "SIGNING_KEY" not in runtime
