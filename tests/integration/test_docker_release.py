"""Releases on the real engine: what runs, what is seen, what moves, what stays."""

import asyncio
import json
import time
from dataclasses import replace

import pytest
from docker.models.containers import Container

from blocks.platforms import docker_names as names
from slipway.platform import Stage
from slipway.release import Target
from tests.rig.docker_rig import remove_target
from tests.rig.docker_world import SECRET, World, service
from tests.rig.ports import free_port
from tests.rig.traffic import Load, drive

pytestmark = pytest.mark.engine


def test_a_release_that_runs_shows_exactly_the_fields_that_were_planned(world: World) -> None:
    """E7: no difference, so an unchanged release does nothing."""
    spec = world.spec("one", replicas=2, secrets={"database-url": "v7"})
    world.deploy(spec)
    seen = world.platform.observe(world.target)
    assert dict(seen.fields) == world.platform.render(spec)
    assert seen.serving == spec.id
    assert world.get() == "200 one"
    assert world.get("/secret/database-url") == f"200 {len(SECRET) + len('-database-url-v7')}"


def test_every_step_taken_twice_acts_once(world: World) -> None:
    """A2: the second run finds the effect of the first by content."""
    spec = world.spec("one", secrets={"database-url": "v1"})
    for step in world.platform.forward(spec, None):
        step.run(world.context)
        again = step.run(world.context)
        if step.stage is Stage.APPLY:
            assert not any(again.get(key) for key in ("pulled", "written", "made", "started"))
    containers = world.rig.engine.containers.list(
        all=True, filters=names.label_filter(names.target_labels(world.target))
    )
    assert sorted(c.name for c in containers) == [
        names.container_name(spec, "web", 0),
        names.proxy_name(world.target),
    ]


def test_containers_are_hardened_and_hold_no_secret_outside_the_file(world: World) -> None:
    """G10: CIS 5.x limits; the value is neither in the inspect document nor in the proxy's."""
    spec = world.spec("one", secrets={"database-url": "v1"})
    world.deploy(spec)
    web = world.rig.engine.api.inspect_container(names.container_name(spec, "web", 0))
    proxy = world.rig.engine.api.inspect_container(names.proxy_name(world.target))
    for inspected in (web, proxy):
        host = inspected["HostConfig"]
        assert host["CapDrop"] == ["ALL"]
        assert not host["Privileged"]
        assert host["ReadonlyRootfs"]
        assert host["SecurityOpt"] == ["no-new-privileges"]
        assert host["Memory"] > 0
        assert host["PidsLimit"] > 0
        assert inspected["Config"]["User"].split(":")[0] == "65532"
        assert SECRET not in json.dumps(inspected)
    assert [m["RW"] for m in web["Mounts"] if m["Destination"] == "/run/secrets"] == [False]
    assert proxy["HostConfig"]["PortBindings"]["8080/tcp"][0]["HostIp"] == "127.0.0.1"


@pytest.mark.alone
async def test_no_request_is_lost_over_twenty_switches(world: World) -> None:
    """DC-10: keep-alive and new connections, GET and POST, while traffic moves 20 times."""
    specs = [world.spec("one"), world.spec("two")]
    for spec, previous in zip(specs, [None, specs[0]], strict=True):
        await asyncio.to_thread(world.deploy, spec, previous)

    def switch() -> None:
        for turn in range(20):
            ways = world.platform.forward(specs[turn % 2], specs[(turn + 1) % 2])
            for step in ways:
                if step.name in ("traffic switched", "fallback ended"):
                    step.run(world.context)
            time.sleep(0.15)

    load = Load(world.port, seconds=12)
    tally, _ = await asyncio.gather(drive(load), asyncio.to_thread(switch))
    assert tally.failures == []
    assert tally.sent > 1000
    assert tally.bodies["one"] > 100
    assert tally.bodies["two"] > 100


async def test_a_kept_connection_meets_the_new_release_at_once(world: World) -> None:
    """C10: after the switch the old release answers nothing, whatever connection asks."""
    one, two = world.spec("one"), world.spec("two")
    await asyncio.to_thread(world.deploy, one)
    await asyncio.to_thread(world.take, world.platform.forward(two, one), "traffic switched")
    early = await drive(Load(world.port, seconds=1, keep_alive=4, anew=0))
    switch = [s for s in world.platform.forward(two, one) if s.name == "traffic switched"]
    load = Load(world.port, seconds=3, keep_alive=4, anew=0, pause=0.01)
    running = asyncio.create_task(drive(load))
    await asyncio.sleep(1)
    await asyncio.to_thread(world.take, switch)
    late = await drive(Load(world.port, seconds=1, keep_alive=4, anew=4))
    assert (await running).failures == []
    assert set(early.bodies) == {"one"}
    assert set(late.bodies) == {"two"}


def test_a_set_of_two_images_moves_and_returns_together(world: World) -> None:
    """S3-25, S3-01: the front of each release reaches the backend of the same release only."""

    def pair(version: str) -> list:
        front = service("front", world.image, version, "relay", BACKEND="back:8000")
        return [front, service("back", world.image, f"{version}-back")]

    one = world.spec(services=pair("one"))
    two = world.spec(services=pair("two"))
    world.deploy(one)
    assert world.get() == "200 one+one-back"
    world.deploy(two, one)
    assert world.get() == "200 two+two-back"
    world.deploy(one, None)
    assert world.get() == "200 one+one-back"
    world.retire(one)
    assert world.get() == "200 one+one-back"


def test_an_environment_cannot_reach_another(world: World) -> None:
    """S2-25: neither by a container's name nor by any of its addresses; each finds itself."""
    other = replace(
        world,
        target=Target(app=world.target.app, environment="other"),
        port=free_port(),
        platform=world.platform.model_copy(),
    )
    try:
        places = []
        for each in (world, other):
            spec = each.spec("one")
            each.deploy(spec)
            places.append(world.rig.engine.containers.get(names.container_name(spec, "web", 0)))
        here, there = places
        networks = there.attrs["NetworkSettings"]["Networks"].values()
        found = [there.name, *(network["IPAddress"] for network in networks)]
        assert len(found) > 2
        assert [name for name in found if reaches(here, name)] == []
        assert [name for name in found[1:] if not reaches(there, name)] == []
    finally:
        remove_target(world.rig.engine, other.target)


def reaches(container: Container, host: str) -> bool:
    """Whether the app there answers what runs in the container."""
    ask = f"import urllib.request; urllib.request.urlopen('http://{host}:8000/alive', timeout=2)"
    return int(container.exec_run(["python3", "-c", ask]).exit_code) == 0


@pytest.mark.alone
def test_the_way_back_is_a_switch_to_warm_containers(world: World) -> None:
    """D5: nothing is started, so the way back takes no longer than its verification."""
    one, two = world.spec("one"), world.spec("two")
    world.deploy(one)
    world.deploy(two, one)
    world.retire(two, one)
    begun = time.monotonic()
    seen = world.deploy(one)
    assert seen["containers started"] == {"started": []}
    assert time.monotonic() - begun < 5
    assert world.get() == "200 one"


def test_what_no_kept_release_needs_is_removed(world: World) -> None:
    """Old containers, networks and secrets go; the kept ones stay and serve."""
    one = world.spec("one", secrets={"key": "v1"})
    two = world.spec("two", secrets={"key": "v2"})
    world.deploy(one)
    world.deploy(two, one)
    gone = world.retire(two)["old releases removed"]
    assert gone["containers"] == [names.container_name(one, "web", 0)]
    assert gone["networks"] == [names.release_network(one)]
    assert gone["volumes"] == names.secrets_volumes(one)
    assert world.get() == "200 two"


def test_a_change_by_hand_changes_the_revision_and_a_fence_does_not(world: World) -> None:
    """B8, N08: the plan made before is stale then."""
    spec = world.spec("one")
    world.deploy(spec)
    before = world.platform.observe(world.target)
    world.platform.fence(world.target, world.token + 1)
    assert world.platform.observe(world.target) == before
    web = world.rig.engine.containers.get(names.container_name(spec, "web", 0))
    web.update(mem_limit="96m", memswap_limit="96m")
    after = world.platform.observe(world.target)
    assert after.revision != before.revision
    assert after.fields["web.memory"] == "96MiB"


async def test_a_request_under_way_is_answered_before_its_container_stops(world: World) -> None:
    """DC-10: the old release drains, also when it is removed at once."""
    one, two = world.spec("one"), world.spec("two")
    await asyncio.to_thread(world.deploy, one)
    await asyncio.to_thread(world.take, world.platform.forward(two, one), "traffic switched")
    slow = asyncio.create_task(asyncio.to_thread(world.get, "/slow/4"))
    await asyncio.sleep(0.3)
    steps = world.platform.forward(two, one)
    switch = [step.name for step in steps].index("traffic switched")
    moved = [step for step in steps[switch:] if step.name != "release verified"]
    await asyncio.to_thread(world.take, moved)
    assert world.get() == "200 two"
    assert not slow.done()
    gone = await asyncio.to_thread(world.retire, two)
    assert gone["old releases removed"]["requests_cut"] == 0
    assert await slow == "200 one"


def test_limits_altered_by_hand_are_set_back_without_a_restart(world: World) -> None:
    """N17: the container that serves goes on serving."""
    spec = world.spec("one")
    world.deploy(spec)
    web = world.rig.engine.containers.get(names.container_name(spec, "web", 0))
    web.update(mem_limit="96m", memswap_limit="96m")
    started = web.attrs["State"]["StartedAt"]
    assert world.deploy(spec)["containers started"] == {"started": []}
    assert dict(world.platform.observe(world.target).fields) == world.platform.render(spec)
    web.reload()
    assert web.attrs["State"]["StartedAt"] == started


def test_a_container_that_crashed_serves_again_at_the_same_address(world: World) -> None:
    """A8: the engine restarts it; the proxy's map stays right, and so do lookups of a name."""
    spec = world.spec(
        services=[
            service("front", world.image, "front", "relay", BACKEND="back:8000"),
            service("back", world.image, "back"),
        ]
    )
    world.deploy(spec)
    api = world.rig.engine.api
    every = [names.container_name(spec, name, 0) for name in ("front", "back")]
    before = [addresses_of(api.inspect_container(name)) for name in every]
    for name in every:
        api.restart(name, timeout=0)
    until = time.monotonic() + 20
    while time.monotonic() < until and world.get() != "200 front+back":
        time.sleep(0.2)
    assert world.get() == "200 front+back"
    assert [addresses_of(api.inspect_container(name)) for name in every] == before


def addresses_of(inspected: dict) -> dict[str, str]:
    networks = inspected["NetworkSettings"]["Networks"]
    return {name: endpoint["IPAddress"] for name, endpoint in networks.items()}


def test_the_way_back_works_where_somebody_removed_the_warm_containers(world: World) -> None:
    """D5: they are made again from the image on the engine."""
    one, two = world.spec("one", secrets={"key": "v1"}), world.spec("two", secrets={"key": "v2"})
    world.deploy(one)
    world.deploy(two, one)
    world.rig.engine.containers.get(names.container_name(one, "web", 0)).remove(force=True)
    seen = world.deploy(one)
    assert seen["containers started"]["started"] == [names.container_name(one, "web", 0)]
    assert seen["secrets written"] == {"written": []}
    assert world.get() == "200 one"
    assert world.get("/secret/key") == f"200 {len(SECRET) + len('-key-v1')}"
