"""Changes by hand on a real engine are found by the drift watch, and mended by a release (N17)."""

import asyncio
from pathlib import Path

import pytest
from docker.models.containers import Container

from blocks.platforms import docker_names as names
from slipway.drift import TargetDrift, look
from slipway.history import Outcome
from slipway.release import ReleaseSpec
from tests.rig import doomed
from tests.rig.docker_world import World
from tests.rig.doomed import Site

pytestmark = pytest.mark.engine


@pytest.fixture
def spec(world: World) -> ReleaseSpec:
    return world.spec("one", replicas=2, bake_millis=100, secrets={"key": "v1"})


@pytest.fixture
def site(world: World, spec: ReleaseSpec, tmp_path: Path) -> Site:
    """Two replicas of one release serve, as recorded."""
    made = Site(world, tmp_path)
    made.deploy(spec)
    return made


def seen(site: Site) -> TargetDrift:
    return look(site.world.target, site.engine().tools)


def told(site: Site) -> dict[str, tuple[str | None, str | None]]:
    """Field to what is wanted and what was found."""
    return {one.field: (one.wanted, one.found) for one in seen(site).fields}


def replica(site: Site, spec: ReleaseSpec, number: int) -> Container:
    return site.world.rig.engine.containers.get(names.container_name(spec, "web", number))


def mend(site: Site, spec: ReleaseSpec) -> None:
    """As `next` says: the same candidate once more, through every check."""
    result = asyncio.run(site.engine().deploy(doomed.order(spec)))
    assert result.outcome is Outcome.RELEASED
    assert seen(site).verdict == "as recorded"
    assert site.world.get() == "200 one"


def test_what_was_released_is_as_recorded_and_looking_writes_nothing(site: Site) -> None:
    before = site.records(), site.world.platform.observe(site.world.target)
    assert seen(site).verdict == "as recorded"
    assert (site.records(), site.world.platform.observe(site.world.target)) == before


def test_a_replica_that_was_removed_is_told_and_mended(site: Site, spec: ReleaseSpec) -> None:
    replica(site, spec, 1).remove(force=True)
    assert told(site) == {"web.replicas": ("2", "1")}
    assert seen(site).next_command.startswith("slipway deploy ")
    mend(site, spec)


def test_a_container_that_was_replaced_is_told_and_mended(site: Site, spec: ReleaseSpec) -> None:
    """N17: another image under our name and labels."""
    other = site.world.rig.push_testapp("two")
    old = replica(site, spec, 1)
    labels, network = old.labels, names.release_network(spec)
    old.remove(force=True)
    site.world.rig.engine.containers.run(
        other,
        name=names.container_name(spec, "web", 1),
        labels=labels,
        network=network,
        detach=True,
    )
    found = told(site)["web.image"][1] or ""
    assert {spec.services[0].digest, other.partition("@")[2]} == set(found.split(" and "))
    mend(site, spec)


def test_the_same_image_with_other_settings_is_told_and_mended(
    site: Site, spec: ReleaseSpec
) -> None:
    """N17, S3-08: less protection and another variable; the image alone would look right."""
    old = replica(site, spec, 1)
    image, labels, network = old.image, old.labels, names.release_network(spec)
    old.remove(force=True)
    site.world.rig.engine.containers.run(
        image.id,
        name=names.container_name(spec, "web", 1),
        labels=labels,
        network=network,
        privileged=True,
        environment={"VERSION": "evil", "PASSWORD": "canary-by-hand"},
        detach=True,
    )
    found = told(site)
    assert "privileged, writable root" in (found["web.allowed"][1] or "")
    assert found["web.config.VERSION"] == ("one", "evil and one")
    assert "canary-by-hand" not in str(found)
    mend(site, spec)


def test_where_everything_was_stopped_that_alone_is_told(site: Site, spec: ReleaseSpec) -> None:
    for number in (0, 1):
        replica(site, spec, number).remove(force=True)
    assert told(site) == {"serving": (spec.id, "nothing")}
    mend(site, spec)
