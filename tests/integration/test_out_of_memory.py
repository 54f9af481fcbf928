"""The kernel kills what asks for too much memory: a build's command, a builder, or ourselves."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from blocks.process import run
from slipway.errors import BuildFailed, Cause
from tests.rig.build_world import BuildWorld
from tests.rig.docker_rig import Rig
from tests.rig.docker_world import World
from tests.rig.doomed import LONGEST_SECONDS, Boundaries, Site, deploying
from tests.rig.memory import BALLOON, MIB, MemoryLimit, memory_limit

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]
LIMIT = 200
KILLED_RUN = 'FROM slipway/python:3.11\nRUN ["python3", "-c", "raise SystemExit(137)"]\n'


@pytest.fixture
def limit() -> Iterator[MemoryLimit]:
    with memory_limit(LIMIT) as made:
        yield made


@dataclass(frozen=True)
class Bloated(Boundaries):
    """At the chosen boundary the process is limited, and asks for memory until it is killed."""

    limit: MemoryLimit | None = None

    def __call__(self, name: str, point: str) -> None:
        super().__call__(name, point)
        if self.limit and self.read()[-1] == "traffic switched: intended":
            self.limit.join(os.getpid())
            kept = [bytearray(b"x") * MIB for _ in range(5 * LIMIT)]
            raise AssertionError(f"{len(kept)} MiB, and still alive")


def test_a_release_killed_for_its_memory_is_recovered(
    world: World, tmp_path: Path, limit: MemoryLimit
) -> None:
    """A7, A1: the old release serves, and the claim is free after recovery."""
    site = Site(world, tmp_path)
    site.deploy(world.spec("base", bake_millis=100))
    bloated = Bloated(tmp_path / "seen", limit=limit)
    process = site.start(deploying(world.spec("next", bake_millis=100)), bloated)
    process.join(LONGEST_SECONDS)
    assert process.exitcode == -9, bloated.read()
    assert limit.kills == 1
    assert world.get() == "200 base"
    site.outlive_lease()
    site.recover()
    assert site.is_settled
    assert world.get() == "200 base"


async def test_a_command_killed_for_its_memory_is_told_as_that(
    tmp_path: Path, limit: MemoryLimit
) -> None:
    """A7: tests of the app, docker and Trivy are all run so."""
    argv = limit.argv([sys.executable, "-c", BALLOON])
    done = await run(argv, env=dict(os.environ), cwd=tmp_path, seconds=60)
    assert limit.kills == 1
    assert done.is_out_of_memory
    assert "out of memory" in done.how


async def test_a_build_whose_command_was_killed_says_out_of_memory(
    rig: Rig, tmp_path: Path
) -> None:
    """A7: the engine tells 137, whichever builder it uses."""
    agent = BuildWorld(rig, tmp_path)
    agent.commit(dockerfile=KILLED_RUN)
    with pytest.raises(BuildFailed) as caught:
        await agent.build()
    assert "out of memory" in str(caught.value)
    assert caught.value.cause is Cause.MEMORY
    assert "more memory" in str(caught.value.next_step)
