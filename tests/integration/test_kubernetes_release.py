"""Releases on a real cluster: what runs, what is seen, what moves, what stays."""

import asyncio
import base64
import json
from collections.abc import Iterator

import pytest

from blocks.platforms import kubernetes_names as names
from slipway.platform import Stage
from tests.rig.docker_world import SECRET
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_world import PORT, KubernetesWorld, service
from tests.rig.traffic import Load, drive

pytestmark = pytest.mark.kubernetes


@pytest.fixture
def world(cluster: Cluster, namespace: str) -> Iterator[KubernetesWorld]:
    return KubernetesWorld(cluster, namespace, cluster.push("one"))


def test_a_release_that_runs_shows_exactly_the_fields_that_were_planned(
    world: KubernetesWorld,
) -> None:
    """E7, S1-28, S2-17: no difference, so an unchanged release does nothing."""
    spec = world.spec("one", replicas=2, secrets={"database-url": "v7"})
    seen = world.deploy(spec)
    found = world.platform.observe(world.target)
    assert dict(found.fields) == world.platform.render(spec)
    assert found.serving == spec.id
    assert world.get() == "200 one"
    assert world.get("/secret/database-url") == f"200 {len(SECRET) + len('-database-url-v7')}"
    verified = seen["release verified"]
    assert set(verified["digests"].values()) == {spec.services[0].digest}
    assert len(verified["addresses"]) == 2


def test_every_step_taken_twice_acts_once(world: KubernetesWorld) -> None:
    """A2: the second run finds the effect of the first by content."""
    spec = world.spec("one", secrets={"database-url": "v1"})
    for step in world.platform.forward(spec, None):
        step.run(world.context)
        again = step.run(world.context)
        if step.stage in (Stage.APPLY, Stage.SWITCH):
            assert not any(again.get(key) for key in ("made", "account", "written", "applied"))
    deployment = world.cluster.get("deployment", "web", world.namespace)
    assert deployment["metadata"]["generation"] == 1


def test_a_rollout_brings_image_config_and_secrets_and_back_again(world: KubernetesWorld) -> None:
    """N12, S1-62, S1-34: a way back restores all three, and kubectl's history tells it."""
    one = world.spec("one", secrets={"key": "v1"})
    two = world.spec("two", secrets={"key": "version-2"}, image=world.cluster.push("two"))
    world.deploy(one)
    world.deploy(two, one)
    world.retire(two, one)
    assert world.get() == "200 two"
    assert world.get("/secret/key") == f"200 {len(SECRET) + len('-key-version-2')}"
    back = world.deploy(one)
    assert back["config and secrets written"] == {"written": []}
    assert world.get() == "200 one"
    assert world.get("/secret/key") == f"200 {len(SECRET) + len('-key-v1')}"
    assert dict(world.platform.observe(world.target).fields) == world.platform.render(one)
    history = world.kubectl("rollout", "history", "deployment/web")
    assert f"slipway release {one.id}" in history


async def test_no_request_is_lost_while_rollouts_follow_each_other(world: KubernetesWorld) -> None:
    """S1-32, DC-10: one surge, none unavailable, old pods answer until they are out."""
    one, two = world.spec("one", replicas=2), world.spec("two", replicas=2)
    await asyncio.to_thread(world.deploy, one)
    load = Load(PORT, 16, host=world.address, keep_alive=0, anew=6)
    running = asyncio.create_task(drive(load))
    await asyncio.sleep(0.5)
    await asyncio.to_thread(world.deploy, two, one)
    tally = await running
    assert tally.failures == []
    assert tally.bodies["one"] > 50
    assert tally.bodies["two"] > 50


def test_pods_pass_restricted_pod_security_and_show_no_secret(world: KubernetesWorld) -> None:
    """G10, S3-08: the namespace enforces it; the value is in the Secret alone."""
    label = "pod-security.kubernetes.io/enforce=restricted"
    world.cluster.kubectl("label", "namespace", world.namespace, label)
    spec = world.spec("one", secrets={"database-url": "v1"})
    world.deploy(spec)
    value = f"{SECRET}-database-url-v1"
    everything = world.objects("deployments,replicasets,pods,configmaps,services,events,leases")
    assert value not in json.dumps(everything)
    assert base64.b64encode(value.encode()).decode() not in json.dumps(everything)
    (pod,) = [p for p in world.objects("pods") if "deletionTimestamp" not in p["metadata"]]
    mounted = [m["mountPath"] for m in pod["spec"]["containers"][0]["volumeMounts"]]
    assert mounted == ["/run/secrets"]


def test_a_set_of_two_images_moves_and_returns_together(world: KubernetesWorld) -> None:
    """S3-25: the front service finds the other by name."""

    def pair(version: str) -> list:
        front = service("web", world.image, version, "relay", BACKEND="back:8000")
        return [front, service("back", world.image, f"{version}-back")]

    one, two = world.spec(services=pair("one")), world.spec(services=pair("two"))
    world.deploy(one)
    assert world.get() == "200 one+one-back"
    world.deploy(two, one)
    assert world.get() == "200 two+two-back"
    world.deploy(one)
    assert world.get() == "200 one+one-back"


def test_what_the_serving_release_does_not_run_is_removed(world: KubernetesWorld) -> None:
    """Pruning: old services go; config and secrets of the way back stay until it is none."""
    pair = [service("web", world.image, "one"), service("back", world.image, "back")]
    one = world.spec(services=pair, secrets={"key": "v1"})
    two = world.spec("two", secrets={"key": "v2"})
    world.deploy(one)
    world.deploy(two, one)
    gone = world.retire(two, one)["old releases removed"]["removed"]
    assert gone == ["Service/back", "Deployment/back", "NetworkPolicy/back"]
    gone = world.retire(two)["old releases removed"]["removed"]
    configs = sorted(f"ConfigMap/{names.config_name(s)}" for s in one.services)
    assert gone == [*configs, f"Secret/{names.secrets_name(one)}"]
    assert world.get() == "200 two"


def test_a_first_release_is_removed_without_a_trace_but_its_lease(world: KubernetesWorld) -> None:
    """D6: the lease stays, since it fences off whoever was replaced."""
    world.deploy(world.spec("one", secrets={"key": "v1"}))
    world.retire()
    kinds = "deployments,services,configmaps,secrets,networkpolicies,serviceaccounts,leases"
    left = [
        f"{made['kind']}/{made['metadata']['name']}"
        for made in world.objects(kinds)
        if names.APP in (made["metadata"].get("labels") or {})
    ]
    assert left == [f"Lease/{names.lease_name(world.target)}"]
    assert world.platform.observe(world.target).fields == {}


def test_a_namespace_that_is_absent_is_made(world: KubernetesWorld) -> None:
    """S2-15: made quietly, with Pod Security restricted; a second deploy leaves it."""
    fresh = KubernetesWorld(world.cluster, f"{world.namespace}-new", world.image)
    try:
        assert fresh.platform.fence(fresh.target, 1) == {"holder": 1, "lease": None}
        assert fresh.platform.observe(fresh.target).serving is None
        assert fresh.deploy(fresh.spec("one"))["namespace present"]["made"]
        assert fresh.get() == "200 one"
        assert not fresh.deploy(fresh.spec("one"))["namespace present"]["made"]
    finally:
        world.cluster.kubectl("delete", "namespace", fresh.namespace, "--wait=false")


def test_the_strategy_recreate_ends_the_old_pods_first(world: KubernetesWorld) -> None:
    one, two = (world.spec(version, strategy="recreate") for version in ("one", "two"))
    world.deploy(one)
    world.deploy(two, one)
    assert world.get() == "200 two"
    assert dict(world.platform.observe(world.target).fields) == world.platform.render(two)


async def test_two_colours_change_places_by_the_service_s_selector(world: KubernetesWorld) -> None:
    """S1-57: the old set stands until the claim is closed, and its way back is a switch."""
    one, two = (world.spec(version, strategy="blue-green") for version in ("one", "two"))
    await asyncio.to_thread(world.deploy, one)
    await asyncio.to_thread(world.take, world.platform.forward(two, one), until="traffic switched")
    assert world.get() == "200 one"
    load = Load(PORT, 6, host=world.address, keep_alive=0, anew=6)
    running = asyncio.create_task(drive(load))
    await asyncio.sleep(1)
    await asyncio.to_thread(world.deploy, two, one)
    tally = await running
    assert tally.failures == []
    assert world.get() == "200 two"
    await asyncio.to_thread(world.retire, two, one)
    back = await asyncio.to_thread(world.deploy, one)
    assert back["rollout complete"]["settled_millis"] < 1000
    assert world.get() == "200 one"
