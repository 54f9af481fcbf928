"""Releases that fail on a real cluster: the cause is named fast, the old release serves on."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes import KubernetesPlatform
from blocks.platforms.kubernetes_access import by_settings
from blocks.platforms.kubernetes_owners import FieldConflict
from blocks.platforms.kubernetes_rights import VERBS
from slipway.errors import (
    BadInput,
    Cause,
    CrashLoop,
    ProbeFailed,
    Refused,
    SlipwayError,
    StepFailed,
    Superseded,
    VerificationFailed,
    WayBackMissing,
)
from slipway.platform import Stage
from slipway.release import ReleaseSpec
from tests.rig.docker_world import SECRET
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_world import PORT, KubernetesWorld, service
from tests.rig.traffic import Load, Tally, drive

pytestmark = pytest.mark.kubernetes
SETTLE = "rollout complete"


@pytest.fixture
def world(cluster: Cluster, namespace: str) -> Iterator[KubernetesWorld]:
    return KubernetesWorld(cluster, namespace, cluster.push("one"))


async def fail_under_load(
    world: KubernetesWorld, bad: ReleaseSpec, error: type[Exception], seconds: float
) -> tuple[SlipwayError, Tally, float]:
    """Deploy a good release, then the bad one under load, and go back: error, tally, seconds."""
    good = world.spec("good")
    await asyncio.to_thread(world.deploy, good)
    load = Load(PORT, seconds, host=world.address, keep_alive=0, anew=4)
    running = asyncio.create_task(drive(load))
    with pytest.raises(error) as caught:
        await asyncio.to_thread(world.deploy, bad, good)
    took = world.seconds[SETTLE]
    await asyncio.to_thread(world.deploy, good)
    tally = await running
    assert world.get() == "200 good"
    assert isinstance(caught.value, SlipwayError)
    return caught.value, tally, took


async def test_a_crash_loop_is_told_after_the_second_crash(world: KubernetesWorld) -> None:
    """C1: with exit code and last log line within 10 s; the old release serves every request."""
    error, tally, took = await fail_under_load(world, world.spec("bad", "crash"), CrashLoop, 16)
    assert took < 15
    assert "exit code 3" in str(error)
    assert "fatal: no database at db:5432" in error.evidence
    assert tally.failures == []
    assert set(tally.bodies) == {"good"}


async def test_a_release_that_never_gets_ready_fails_at_its_deadline(
    world: KubernetesWorld,
) -> None:
    """C3, C7: the one deadline, which the message names and the object holds."""
    bad = world.spec("bad", "never-ready", deadline=10)
    error, tally, _ = await fail_under_load(world, bad, ProbeFailed, 18)
    assert "within 10 s" in str(error)
    assert "503" in f"{error} {error.evidence}"
    assert tally.failures == []


def test_the_deadline_is_in_the_object_too(world: KubernetesWorld) -> None:
    """C7: kubectl's clock is ours; kept within two seconds."""
    bad = world.spec("bad", "never-ready", deadline=6)
    with pytest.raises(ProbeFailed):
        world.deploy(bad)
    found = world.cluster.get("deployment", "web", world.namespace)
    assert found["spec"]["progressDeadlineSeconds"] == 6
    assert 6 <= world.seconds[SETTLE] <= 10


def test_a_release_that_dies_after_it_turned_ready_is_caught_in_the_bake(
    world: KubernetesWorld,
) -> None:
    """C4: ready, then dies."""
    with pytest.raises((CrashLoop, VerificationFailed)) as caught:
        world.deploy(world.spec("bad", "flap:6", bake_millis=15_000))
    assert "exit code 4" in str(caught.value)


def test_too_small_a_quota_is_refused_with_its_numbers(world: KubernetesWorld) -> None:
    """C5: before anything is changed."""
    world.kubectl("create", "quota", "small", "--hard=requests.cpu=100m,limits.cpu=100m")
    wait_for_quota(world)
    with pytest.raises(StepFailed, match="quota small has no room") as caught:
        world.deploy(world.spec("one"))
    assert caught.value.cause is Cause.QUOTA
    assert world.objects("deployments") == []


def wait_for_quota(world: KubernetesWorld) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if "hard" in (world.objects("resourcequotas")[0].get("status") or {}):
            return
        time.sleep(0.1)


def test_a_quota_that_fills_meanwhile_is_the_cause_and_not_the_clock(
    world: KubernetesWorld,
) -> None:
    """C5: no pod can be made; told within 10 s."""
    spec = world.spec("one")
    world.take(world.platform.forward(spec, None), until="workloads applied")
    world.kubectl("create", "quota", "small", "--hard=pods=0")
    wait_for_quota(world)
    left = [
        s for s in world.platform.forward(spec, None) if s.name in ("workloads applied", SETTLE)
    ]
    with pytest.raises(StepFailed, match="quota is used up") as caught:
        world.take(left)
    assert caught.value.cause is Cause.QUOTA
    assert world.seconds[SETTLE] < 10


def test_a_field_that_somebody_changed_is_refused_before_anything_changes(
    world: KubernetesWorld,
) -> None:
    """B8: manager and field by name; a way back takes the field and says so."""
    one, two = world.spec("one"), world.spec("two")
    world.deploy(one)
    world.kubectl("scale", "deployment/web", "--replicas=2")
    with pytest.raises(FieldConflict) as caught:
        world.platform.prove(one)
    assert "kubectl" in str(caught.value.found)
    assert ".spec.replicas" in str(caught.value.found)
    with pytest.raises(FieldConflict):
        world.deploy(two, one)
    assert world.cluster.get("deployment", "web", world.namespace)["spec"]["replicas"] == 2
    back = world.deploy(one)
    assert any(".spec.replicas" in line for line in back["workloads applied"]["taken back"])
    assert any("taken back" in note for note in world.notes)
    assert dict(world.platform.observe(world.target).fields) == world.platform.render(one)


def test_a_paused_rollout_is_refused_with_who_paused_it(world: KubernetesWorld) -> None:
    """C6: explicitly."""
    one = world.spec("one")
    world.deploy(one)
    world.kubectl("rollout", "pause", "deployment/web")
    with pytest.raises(FieldConflict, match=r"spec\.paused"):
        world.platform.prove(one)


def test_an_edit_amid_the_verification_is_found(world: KubernetesWorld) -> None:
    """B8, N17: fields are compared once more before the release counts as good."""
    one = world.spec("one")
    world.take(world.platform.forward(one, None), until="release verified")
    world.kubectl("set", "env", "deployment/web", "DEBUG=1")
    world.kubectl("rollout", "status", "deployment/web")
    verify = [s for s in world.platform.forward(one, None) if s.name == "release verified"]
    with pytest.raises(VerificationFailed, match=r"web\.config\.DEBUG") as caught:
        world.take(verify)
    assert "kubectl" in str(caught.value.allowed)
    with pytest.raises(FieldConflict, match=r"kubectl-set: web\.config\.DEBUG"):
        world.platform.prove(one)
    world.deploy(one)
    assert dict(world.platform.observe(world.target).fields) == world.platform.render(one)


def test_a_permission_that_is_missing_is_named_before_anything_changes(
    world: KubernetesWorld, tmp_path: Path
) -> None:
    """H6, S1-23: every verb that the release uses is asked for."""
    one = world.spec("one")
    world.deploy(one)
    rules = [
        {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
        for (group, resource), verbs in VERBS.items()
        if resource != "services"
    ]
    kubeconfig = world.cluster.limited_kubeconfig(world.namespace, rules, tmp_path)
    limited = KubernetesPlatform(by_settings(kubeconfig, None), world.namespace)
    with pytest.raises(Refused, match="patch services") as caught:
        limited.prove(one)
    assert caught.value.cause is Cause.PERMISSION
    assert world.get() == "200 one"


def test_the_listed_permissions_are_enough_for_a_release_and_its_removal(
    world: KubernetesWorld, tmp_path: Path
) -> None:
    """G13, S1-39: no more than the namespace's own objects."""
    rules = [
        {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
        for (group, resource), verbs in VERBS.items()
    ]
    kubeconfig = world.cluster.limited_kubeconfig(world.namespace, rules, tmp_path)
    limited = KubernetesPlatform(by_settings(kubeconfig, None), world.namespace)
    one = world.spec("one", replicas=2, secrets={"key": "v1"})
    limited.fence(world.target, 1)
    world.take(limited.forward(one, None))
    assert limited.prove(one)
    assert limited.evidence(one)[-1].name == "events"
    world.take(limited.retire(world.target, []))
    left = world.objects("deployments,services,secrets,configmaps,serviceaccounts")
    assert [m for m in left if names.APP in (m["metadata"].get("labels") or {})] == []


def test_a_way_back_without_its_secrets_is_told_before_anything_changes(
    world: KubernetesWorld,
) -> None:
    """D2: the versions of the release before must still be there."""
    spec = world.spec("one", secrets={"key": "v1"})
    world.deploy(spec)
    assert any("is complete" in fact for fact in world.platform.prove(spec))
    world.kubectl("delete", "secret", names.secrets_name(spec))
    with pytest.raises(WayBackMissing, match="secrets of release"):
        world.platform.prove(spec)


def test_evidence_outlives_the_release_and_holds_no_secret(world: KubernetesWorld) -> None:
    """N24, G8: logs, logs before the restart, description and events; the value is masked."""
    leak = f"{SECRET}-key-v1"
    web = service("web", world.image, "one").model_copy(
        update={"command": ("python3", "-c", f"print('\\x1b[31m{leak}'); raise SystemExit(3)")}
    )
    bad = world.spec(services=[web], secrets={"key": "v1"})
    with pytest.raises(CrashLoop) as caught:
        world.deploy(bad)
    pieces = world.platform.evidence(bad)
    text = "\n".join(line for piece in pieces for line in piece.lines)
    for place in (text, "\n".join(caught.value.evidence)):
        assert "(masked)" in place
        assert leak not in place
        assert "\x1b" not in place
    kinds = " ".join(piece.name for piece in pieces)
    assert all(word in kinds for word in ("logs", "logs before", "description", "events"))


def test_an_object_of_our_name_that_is_not_ours_is_left_alone(world: KubernetesWorld) -> None:
    """Bad input: ours by label, not by guess."""
    world.kubectl("create", "service", "clusterip", "web", "--tcp=80:80")
    with pytest.raises(BadInput, match="Slipway did not make it"):
        world.deploy(world.spec("one"))
    found = world.cluster.get("service", "web", world.namespace)
    assert found["spec"]["ports"][0]["port"] == 80


def test_a_holder_that_must_stop_stops_while_it_waits(world: KubernetesWorld) -> None:
    """N10: a rollback does not wait for the deadline of the deploy that it replaces."""
    world.deploy(world.spec("good"))
    stop_at = time.monotonic() + 6

    def check() -> None:
        if time.monotonic() > stop_at:
            raise Superseded("a rollback took over")

    world.check = check
    with pytest.raises(Superseded):
        world.deploy(world.spec("bad", "never-ready", deadline=60))
    assert time.monotonic() < stop_at + 2


@pytest.mark.alone
async def test_an_api_server_that_comes_back_costs_nothing_but_time(
    world: KubernetesWorld, own_cluster: Cluster
) -> None:
    """H1: down for some seconds amid the rollout; watches are opened again."""
    spec = world.spec("one")
    await asyncio.to_thread(world.take, world.platform.forward(spec, None), SETTLE)
    later = [s for s in world.platform.forward(spec, None) if s.stage is not Stage.APPLY]
    rest = asyncio.create_task(asyncio.to_thread(world.take, later))
    await asyncio.sleep(0.2)
    with own_cluster.without("kube-apiserver"):
        await asyncio.sleep(3)
    await rest
    assert world.seconds[SETTLE] > 3
    assert world.is_reached()
    assert world.get() == "200 one"
