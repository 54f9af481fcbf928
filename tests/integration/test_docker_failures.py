"""Releases that fail on the real engine: the cause is named fast, the old release serves on."""

import asyncio
import time

import pytest

from blocks.platforms import docker_names as names
from blocks.platforms.docker import DockerPlatform
from slipway.errors import (
    BadInput,
    Cause,
    CrashLoop,
    ImageMissing,
    OutOfMemory,
    ProbeFailed,
    StepFailed,
    Superseded,
    Unreachable,
    VerificationFailed,
    WayBackMissing,
)
from slipway.release import ReleaseSpec
from tests.rig.docker_world import SECRET, World, service
from tests.rig.traffic import Load, Tally, drive

pytestmark = pytest.mark.engine


async def fail_under_load(
    world: World, bad: ReleaseSpec, error: type[Exception], load: Load
) -> tuple[Exception, Tally, float]:
    """Deploy a good release, then the bad one under load: its error, tally, seconds to settle."""
    good = world.spec("good")
    await asyncio.to_thread(world.deploy, good)
    running = asyncio.create_task(drive(load))
    await asyncio.sleep(0.5)
    with pytest.raises(error) as caught:
        await asyncio.to_thread(world.deploy, bad, good)
    took = world.seconds["release healthy"]
    await asyncio.to_thread(world.deploy, good, None)
    tally = await running
    assert world.get() == "200 good"
    return caught.value, tally, took


@pytest.mark.alone
async def test_a_crash_loop_is_told_after_the_second_crash(world: World) -> None:
    """C1: verdict within 10 s, with exit code and last log line; the old release serves."""
    bad = world.spec("bad", "crash", deadline=60)
    error, tally, took = await fail_under_load(world, bad, CrashLoop, Load(world.port, 8))
    assert took < 10
    assert "exit code 3" in str(error)
    assert "fatal: no database at db:5432" in error.evidence
    assert tally.failures == []
    assert set(tally.bodies) == {"good"}


@pytest.mark.alone
async def test_a_release_that_never_gets_ready_fails_at_its_deadline(world: World) -> None:
    """C3: within 2 s of the one deadline, which the message names; no request fails."""
    bad = world.spec("bad", "never-ready", deadline=5)
    error, tally, took = await fail_under_load(world, bad, ProbeFailed, Load(world.port, 10))
    assert 5 <= took <= 7
    assert "within 5 s" in str(error)
    assert "503: not ready" in str(error)
    assert tally.failures == []


async def test_a_release_that_dies_under_traffic_is_caught_in_the_bake(world: World) -> None:
    """C4: flaps after it turned ready; GET requests fall back to the previous release."""
    bad = world.spec("bad", "flap:5", bake_millis=8000)
    load = Load(world.port, 14, methods=("GET",))
    error, tally, _ = await fail_under_load(world, bad, CrashLoop, load)
    assert "exit code 4" in str(error)
    assert tally.failures == []
    assert tally.bodies["bad"] > 10


async def test_a_release_that_answers_errors_is_covered_by_the_one_before(world: World) -> None:
    """GET requests answered 500 by the new release are answered by the previous one meanwhile."""
    bad = world.spec("bad", "error", bake_millis=4000)
    load = Load(world.port, 12, methods=("GET",))
    error, tally, _ = await fail_under_load(world, bad, VerificationFailed, load)
    assert "500: broken" in str(error)
    assert tally.failures == []
    assert set(tally.bodies) == {"good"}


def test_without_a_previous_release_nothing_hides_the_error(world: World) -> None:
    """No fallback where there is none: users see what verification sees."""
    with pytest.raises(VerificationFailed):
        world.deploy(world.spec("bad", "error"))
    assert world.get() == "500 broken"


def test_a_release_that_turns_sick_is_caught_by_its_own_health_check(world: World) -> None:
    """C4: the container runs and answers, but its HEALTHCHECK fails."""
    bad = world.spec("bad", "sick:3", bake_millis=12000)
    with pytest.raises((ProbeFailed, VerificationFailed)) as caught:
        world.deploy(bad)
    assert caught.value.evidence or "sick" in str(caught.value)


def test_a_release_whose_check_never_passes_names_the_check(world: World) -> None:
    """C3: the image's own check is the evidence."""
    with pytest.raises(ProbeFailed) as caught:
        world.deploy(world.spec("bad", "unhealthy", deadline=5))
    assert "within 5 s" in str(caught.value)
    assert any("health check exit 1" in line for line in caught.value.evidence)


def test_running_out_of_memory_is_its_own_cause(world: World) -> None:
    """N24: not told as an unknown crash."""
    with pytest.raises(OutOfMemory) as caught:
        world.deploy(world.spec("bad", "oom"))
    assert caught.value.cause is Cause.MEMORY
    assert "64 MiB" in str(caught.value)


def test_an_unknown_digest_fails_before_anything_changes(world: World) -> None:
    """C2: the first step refuses; nothing of the release is on the engine."""
    good = world.spec("good")
    world.deploy(good)
    before = world.platform.observe(world.target)
    gone = f"{world.image.partition('@')[0]}@sha256:{'0' * 64}"
    with pytest.raises(ImageMissing) as caught:
        world.deploy(world.spec(services=[service("web", gone, "bad")]), good)
    assert caught.value.cause is Cause.IMAGE
    assert world.platform.observe(world.target) == before


def test_an_image_is_pulled_by_digest_with_the_credentials_of_the_block(world: World) -> None:
    """F3: what is not on the engine comes from the registry; wrong credentials are told as such."""
    image = world.rig.push_testapp("pulled")
    spec = world.spec(services=[service("web", image, "pulled")])
    world.rig.unpull(image)
    anonymous = DockerPlatform()
    with pytest.raises(StepFailed) as caught:
        world.take(anonymous.forward(spec, None)[:1])
    assert caught.value.cause is Cause.PERMISSION
    world.deploy(spec)
    assert world.get() == "200 pulled"


def test_a_way_back_without_its_image_is_told_before_anything_changes(world: World) -> None:
    """D1: gone from registry and engine is refused; on the engine alone is enough."""
    image = world.rig.push_testapp("lost")
    spec = world.spec(services=[service("web", image, "lost")])
    assert any("can be pulled" in fact for fact in world.platform.prove(spec))
    world.rig.delete_from_registry(image)
    assert any("is on the engine" in fact for fact in world.platform.prove(spec))
    world.rig.unpull(image)
    with pytest.raises(WayBackMissing, match="gone from registry and engine"):
        world.platform.prove(spec)


def test_a_way_back_without_its_secrets_is_told_before_anything_changes(world: World) -> None:
    """D2: the versions of the release before must still be there."""
    spec = world.spec("one", secrets={"key": "v1"})
    world.deploy(spec)
    assert any("is complete" in fact for fact in world.platform.prove(spec))
    world.rig.engine.containers.get(names.container_name(spec, "web", 0)).remove(force=True)
    world.rig.engine.volumes.get(names.secrets_volumes(spec)[0]).remove()
    with pytest.raises(WayBackMissing, match="secrets of release"):
        world.platform.prove(spec)


def test_a_first_release_that_fails_is_removed_cleanly(world: World) -> None:
    """D6: nothing to go back to, so nothing stays."""
    bad = world.spec("bad", "crash", secrets={"key": "v1"})
    with pytest.raises(CrashLoop):
        world.deploy(bad)
    world.retire()
    api = world.rig.engine.api
    filters = names.label_filter(names.target_labels(world.target))
    assert api.containers(all=True, filters=filters) == []
    assert api.networks(filters=filters) == []
    assert not api.volumes(filters=filters)["Volumes"]
    assert world.platform.observe(world.target).fields == {}


def test_evidence_outlives_the_release_and_holds_no_secret(world: World) -> None:
    """N24, G8: logs, inspect and events, with the secret's value and odd bytes taken out."""
    leak = f"{SECRET}-key-v1"
    web = service("web", world.image, "one", "crash", LEAK="x").model_copy(
        update={"command": ("python3", "-c", f"print('\\x1b[31m{leak}'); raise SystemExit(3)")}
    )
    bad = world.spec(services=[web], secrets={"key": "v1"})
    with pytest.raises(CrashLoop) as caught:
        world.deploy(bad)
    evidence = world.platform.evidence(bad)
    text = "\n".join(line for piece in evidence for line in piece.lines)
    for place in (text, "\n".join(caught.value.evidence)):
        assert "(masked)" in place
        assert leak not in place
        assert "\x1b" not in place
    assert "env VERSION=one" in text
    assert "env PATH=(masked)" in text
    assert "web die exit code 3" in text


def test_a_taken_port_is_named_and_nothing_stays(world: World) -> None:
    """Bad input: the address belongs to another program."""
    with world.occupied(), pytest.raises(BadInput, match=f"127.0.0.1:{world.port} is taken"):
        world.deploy(world.spec("one"))
    assert world.platform.observe(world.target).serving is None
    world.deploy(world.spec("one"))


def test_a_foreign_container_of_our_name_is_left_alone(world: World) -> None:
    """Bad input: names are ours by label, not by guess."""
    spec = world.spec("one")
    name = names.container_name(spec, "web", 0)
    foreign = world.rig.engine.containers.create(world.image, name=name)
    try:
        with pytest.raises(BadInput, match="Slipway did not make it"):
            world.deploy(spec)
        foreign.reload()
        assert foreign.status == "created"
    finally:
        foreign.remove(force=True)


def test_another_port_for_a_running_environment_is_refused(world: World) -> None:
    """Bad input: moving the port would cut everybody off."""
    spec = world.spec("one")
    world.deploy(spec)
    moved = world.spec("two").model_copy(update={"port": spec.port + 1})
    with pytest.raises(BadInput, match="cannot be changed"):
        world.deploy(moved, spec)
    assert world.get() == "200 one"


def test_a_dead_engine_is_unreachable(world: World) -> None:
    """H1: retryable, by name of the address."""
    dead = DockerPlatform(host="unix:///nonexistent/docker.sock")
    for act in (
        lambda: dead.observe(world.target),
        lambda: dead.fence(world.target, 1),
        lambda: dead.prove(world.spec()),
        lambda: world.take(dead.forward(world.spec(), None)),
    ):
        with pytest.raises(Unreachable):
            act()
    assert dead.evidence(world.spec())[0].name == "no evidence"


@pytest.mark.alone
def test_a_holder_that_must_stop_stops_while_it_waits(world: World) -> None:
    """N10: a rollback does not wait for the deadline of the deploy that it replaces."""
    world.deploy(world.spec("good"))
    stop_at = time.monotonic() + 4

    def check() -> None:
        if time.monotonic() > stop_at:
            raise Superseded("a rollback took over")

    world.check = check
    with pytest.raises(Superseded):
        world.deploy(world.spec("bad", "never-ready", deadline=60))
    assert time.monotonic() < stop_at + 2
