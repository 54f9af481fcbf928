"""A registry that is away, slow, throttling or cut off, before the real one: by the fault proxy."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks.builders.engine import incoming_tag
from blocks.builders.inputs import BuiltImage, PlannedImage
from blocks.registries.oci import Registry
from blocks.registries.transport import Credentials, Limits, Transport
from slipway.errors import Unreachable
from slipway.names import Reference
from tasks.push import push_to_registry
from tests.rig.build_world import BuildWorld
from tests.rig.docker_rig import CREDENTIALS, Rig
from tests.rig.fault_proxy import FaultProxy, fault_proxy
from tests.rig.faults import (
    Answered,
    AnswerReset,
    BlackHole,
    Fault,
    Swallowed,
    Truncated,
    UploadReset,
)

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]
BLOBS, MANIFESTS = "/blobs/", "/manifests/"
THROTTLED = Answered(429, {"Retry-After": "1"})


@pytest.fixture
def proxy(rig: Rig) -> Iterator[FaultProxy]:
    """Before the throwaway registry; what came to the engine through it is removed."""
    with fault_proxy(("127.0.0.1", rig.port)) as made:
        yield made
        for name in rig.names_of(made.address):
            rig.engine.images.remove(name, force=True)


def through(proxy: FaultProxy, reference: str) -> str:
    """The same content, as it is called by way of the proxy."""
    return f"{proxy.address}/{reference.partition('/')[2]}"


@pytest.fixture
def registry(proxy: FaultProxy) -> Iterator[Registry]:
    """What `verify` and a deploy's checks read by; impatient, for the tests' sake."""
    login = Credentials(CREDENTIALS["username"], SecretStr(CREDENTIALS["password"]))
    limits = Limits(connect=2, read=1, attempts=3)
    with Registry(Transport(proxy.address, login, limits=limits)) as made:
        yield made


@pytest.mark.parametrize(
    "fault",
    [Answered(503), Answered(500), THROTTLED, Truncated(300), AnswerReset(300), BlackHole(5)],
)
def test_a_read_outlives_what_passes(
    registry: Registry, proxy: FaultProxy, testapp: str, fault: Fault
) -> None:
    """F1, F2: what was cut off is no answer, and what comes then is the same content."""
    digest = testapp.partition("@")[2]
    proxy.plant(fault, times=2, path=MANIFESTS)
    begun = time.monotonic()
    assert registry.manifest("testapp", digest).digest == digest
    assert proxy.planted == []
    if fault is THROTTLED:
        assert time.monotonic() - begun >= 2


def test_a_read_of_what_stays_away_ends(registry: Registry, proxy: FaultProxy) -> None:
    """F1: so many tries, each of them bounded."""
    proxy.plant(BlackHole(), times=9)
    with pytest.raises(Unreachable, match="did not answer"):
        registry.head("testapp", "one")
    assert len(proxy.seen) == 3


@dataclass
class Builder:
    """An agent that has built its image; pushes go by way of the proxy."""

    world: BuildWorld
    proxy: FaultProxy
    planned: PlannedImage
    image: BuiltImage

    def push(self) -> Reference:
        tier = self.world.tier(registry=self.proxy.address)
        return push_to_registry(tier, self.planned, self.image)

    def held(self) -> str | None:
        """What the registry itself holds under the tag of the push."""
        with self.world.tier().registry() as registry:
            return registry.head(self.image.path, incoming_tag(self.image.image_id))


@pytest.fixture
async def builder(rig: Rig, proxy: FaultProxy, tmp_path: Path) -> Builder:
    world = BuildWorld(rig, tmp_path)
    world.commit()
    return Builder(world, proxy, world.plan(), await world.build())


@pytest.mark.parametrize(
    ("fault", "method", "path"),
    [
        (UploadReset(100), "PATCH", BLOBS),
        (UploadReset(100), "PUT", MANIFESTS),
        (Swallowed(), "PUT", f"{MANIFESTS}incoming"),
        (Answered(503), "POST", BLOBS),
        (THROTTLED, "PUT", MANIFESTS),
    ],
    ids=["layer cut", "manifest cut", "answer lost", "unavailable", "throttled"],
)
def test_a_push_that_is_cut_is_done_again(
    builder: Builder, fault: Fault, method: str, path: str
) -> None:
    """F1, F2, A2: the digest is that of the image, wherever the push broke off."""
    builder.proxy.plant(fault, method=method, path=path)
    pushed = builder.push()
    assert builder.proxy.planted == []
    assert builder.held() == pushed.digest
    with builder.world.tier().registry() as registry:
        manifest = registry.manifest(builder.image.path, pushed.digest)
    assert manifest.config_digest == builder.image.image_id


def test_a_push_that_cannot_go_on_leaves_no_tag_and_is_resumed(builder: Builder) -> None:
    """F1, F2: told within bounds; the next push takes the image that was built."""
    builder.proxy.plant(Answered(500), times=100, method="PUT", path=MANIFESTS)
    with pytest.raises(Unreachable):
        builder.push()
    assert builder.held() is None
    builder.proxy.clear()
    assert builder.held() is None
    assert builder.push().digest == builder.held()
