"""An engine that answers errors, too late, twice or not at all amid a release."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks.platforms.docker import DockerPlatform
from slipway.errors import ReleaseFailed
from slipway.ledger import Kind
from tests.rig.docker_rig import CREDENTIALS, Rig
from tests.rig.docker_world import World
from tests.rig.doomed import Site
from tests.rig.fault_proxy import FaultProxy, fault_proxy
from tests.rig.faults import Answered, AnswerReset, Duplicated, Fault, Late, Swallowed

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]
SOCKET = Path("/var/run/docker.sock")
CREATE, START, EVENTS = "/containers/create", "/containers/[0-9a-z._-]+/start$", "/events"


@pytest.fixture(scope="module")
def socket(rig: Rig) -> Iterator[FaultProxy]:
    """Before the engine's socket; in a folder whose name is short, as a socket's must be."""
    if rig.engine.api.base_url != "http+docker://localhost":
        pytest.skip("the engine is reached by a port, not by a socket")
    with (
        tempfile.TemporaryDirectory(prefix="f-") as folder,
        fault_proxy(SOCKET, Path(folder) / "s") as made,
    ):
        yield made


@pytest.fixture
def site(rig: Rig, testapp: str, socket: FaultProxy, tmp_path: Path) -> Iterator[Site]:
    """Release `base` serves; what is done to the engine goes through the proxy."""
    platform = DockerPlatform(
        host=socket.address,
        registry_username=CREDENTIALS["username"],
        registry_password=SecretStr(CREDENTIALS["password"]),
        health_seconds=1,
        drain_seconds=2,
    )
    world = World(rig, testapp, platform=platform)
    made = Site(world, tmp_path, lease_seconds=15)
    try:
        made.deploy(world.spec("base", bake_millis=100))
        socket.seen.clear()
        yield made
    finally:
        socket.clear()
        world.close()


def containers_of(site: Site, spec_id: str) -> int:
    filters = {"label": f"slipway.release={spec_id}"}
    return len(site.world.rig.engine.containers.list(all=True, filters=filters))


@pytest.mark.parametrize(
    ("fault", "path", "times"),
    [
        (Swallowed(), CREATE, 1),
        (Swallowed(), START, 1),
        (Duplicated(), START, 1),
        (Answered(500), CREATE, 2),
        (Late(3), START, 1),
        (AnswerReset(1), EVENTS, 1),
    ],
    ids=[
        *("create's answer lost", "start's answer lost", "start twice", "create fails"),
        *("late", "events cut"),
    ],
)
def test_a_fault_of_the_engine_costs_time_alone(
    site: Site, socket: FaultProxy, fault: Fault, path: str, times: int
) -> None:
    """A2, A8: the step finds what its first try did; one container, and one release on record."""
    spec = site.world.spec("next", bake_millis=100)
    socket.plant(fault, path=path, times=times)
    site.deploy(spec)
    assert socket.planted == []
    assert containers_of(site, spec.id) == 1
    assert site.world.get() == "200 next"
    assert [r.kind for r in site.records()].count(Kind.VERIFIED) == 2
    assert Kind.FAILED not in [r.kind for r in site.records()]


def test_events_that_break_off_again_and_again_move_no_deadline(
    site: Site, socket: FaultProxy
) -> None:
    """A8, C3: the deadline counts from the first try; a watch that is cut restarts nothing."""
    socket.plant(AnswerReset(1), path=EVENTS, times=3)
    begun = time.monotonic()
    with pytest.raises(ReleaseFailed, match="within 8 s"):
        site.deploy(site.world.spec("stuck", "never-ready", deadline=8, bake_millis=100))
    assert time.monotonic() - begun < 60
    assert site.world.get() == "200 base"
    assert site.is_settled


def test_an_engine_that_stays_away_is_told_and_recovered(site: Site, socket: FaultProxy) -> None:
    """A8: tries are bounded; what serves goes on, and recovery settles the rest."""
    socket.plant(Answered(500), path=CREATE, times=100)
    with pytest.raises(ReleaseFailed) as caught:
        site.deploy(site.world.spec("next", bake_millis=100))
    assert "a planted fault" in str(caught.value)
    assert socket.count(CREATE) <= 7
    assert site.world.get() == "200 base"
    assert site.is_settled
