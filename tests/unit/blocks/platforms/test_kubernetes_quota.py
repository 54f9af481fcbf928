"""What a release adds to a namespace's quotas, and whether they have room for it (C5, S1-23)."""

from decimal import Decimal
from typing import Any

import pytest

from blocks.platforms.kubernetes_prove import every_object
from blocks.platforms.kubernetes_quota import added, of_pod, refuse_full, shown, unstated
from slipway.appfile_objects import Autoscale
from slipway.canonical import JsonObject
from slipway.errors import Cause, StepFailed
from slipway.manifest_documents import identity
from slipway.release import ReleaseSpec
from tests.unit.blocks.platforms.kubernetes_releases import on_cluster, release, service

HARD = {"requests.cpu": "1", "pods": "4", "limits.memory": "1Gi", "count/jobs.batch": "1"}
OLD = release(service(command=("old",)))


def quota(hard: dict[str, str] | None = None, **used: str) -> JsonObject:
    status = {"hard": hard or HARD, "used": {k.replace("_", "."): v for k, v in used.items()}}
    return {"metadata": {"name": "small"}, "status": status}


def live(spec: ReleaseSpec, pods: int | None = None) -> dict[tuple[str, str, str], JsonObject]:
    """The objects of a release as they are found, with that many pods."""
    found = {identity(one): one for one in every_object(spec, "")}
    for one in found.values():
        if one["kind"] == "Deployment":
            one["spec"].setdefault("replicas", 2)
            one["status"] = {"replicas": pods or one["spec"]["replicas"]}
    return found


def more(spec: ReleaseSpec, found: Any, **starts: tuple[int, int]) -> dict[str, Decimal]:
    amounts = added(every_object(spec, ""), found, starts)
    return {key: amount for key, amount in amounts.items() if amount}


@pytest.mark.parametrize(
    ("strategy", "found", "pods"),
    [
        ("rolling", {}, 2),
        ("rolling", live(OLD), 1),
        ("rolling", live(OLD, 3), 0),  # the pod that a broken rollout left makes room
        ("rolling", live(release()), 0),
        ("recreate", live(OLD), 0),
        ("recreate", {}, 2),
        ("blue-green", live(OLD), 2),
    ],
)
def test_how_many_pods_a_rollout_needs_room_for(strategy: str, found: Any, pods: int) -> None:
    """C5: one more than before, both sets, or none."""
    amounts = more(release(strategy=strategy), found)
    assert amounts.get("pods", 0) == pods
    assert amounts.get("requests.cpu", 0) == Decimal("0.25") * pods


def test_larger_pods_need_more_once_all_are_replaced() -> None:
    small = service()
    large = small.model_copy(
        update={"resources": small.resources.model_copy(update={"cpu_millis": 500})}
    )
    amounts = more(release(large), live(OLD))
    assert amounts["requests.cpu"] == Decimal("0.75"), "2 of 500m and 1 of 250m, less 2 of 250m"


def test_an_autoscaled_release_needs_what_it_begins_with() -> None:
    """S1-43: what its autoscaler adds later is between it and the quota."""
    spec = release(kubernetes=on_cluster(autoscale=Autoscale()))
    assert more(spec, {}, web=(3, 10))["pods"] == 3
    assert more(spec, live(OLD, 2), web=(2, 10))["pods"] == 1


def test_new_objects_count_and_those_that_are_there_do_not() -> None:
    """By the names that quotas use."""
    balanced = release(kubernetes=on_cluster(service_type="LoadBalancer"))
    amounts = more(balanced, {})
    wanted = {
        "count/deployments.apps": 1,
        "count/replicasets.apps": 1,
        "count/services": 1,
        "services": 1,
        "services.loadbalancers": 1,
        "services.nodeports": 1,
        "configmaps": 1,
        "count/configmaps": 1,
        "count/networkpolicies.networking.k8s.io": 1,
    }
    assert wanted.items() <= amounts.items()
    assert not wanted.keys() & more(release(), live(release())).keys()


def test_a_pod_takes_its_containers_at_once_or_the_largest_before_them() -> None:
    def container(cpu: str, **rest: Any) -> JsonObject:
        return {"name": "c", "resources": {"limits": {"cpu": cpu}}, **rest}

    pod = {
        "containers": [container("100m"), container("200m")],
        "initContainers": [container("1"), container("50m", restartPolicy="Always")],
    }
    assert of_pod(pod)["requests.cpu"] == of_pod(pod)["cpu"] == Decimal(1)
    pod["initContainers"].pop(0)
    assert of_pod(pod)["limits.cpu"] == Decimal("0.35")


def test_a_quota_with_room_is_a_fact_and_one_without_is_refused() -> None:
    """C5, S1-23: told before anything is changed, with the numbers."""
    needed = more(release(), live(OLD))
    assert refuse_full([quota(requests_cpu="750m")], needed) == ["quota small has room"]
    with pytest.raises(StepFailed, match="quota small has no room") as caught:
        refuse_full([quota(requests_cpu="800m")], needed)
    assert caught.value.cause is Cause.QUOTA
    assert caught.value.found == (
        "requests.cpu: 800m of 1 are used, 250m more are needed while it rolls out"
    )
    assert caught.value.allowed == "200m more"
    full = quota({"count/jobs.batch": "0"}, requests_cpu="0")
    assert refuse_full([full], needed) == ["quota small has room"], "a full one that nothing asks"


def test_a_quota_for_some_pods_alone_is_left_to_the_cluster() -> None:
    scoped = {**quota(pods="4"), "spec": {"scopes": ["Terminating"]}}
    assert "is left to the cluster" in refuse_full([scoped], {"pods": Decimal(1)})[0]


def test_what_a_limit_range_would_fill_in_is_said_to_be_unseen() -> None:
    made = every_object(release(), "")
    assert unstated(made, [quota()]) == []
    bare = next(one for one in made if one["kind"] == "Deployment")
    bare["spec"]["template"]["spec"]["containers"][0].pop("resources")
    (told,) = unstated(made, [quota()])
    assert told.startswith("Deployment web leaves open what a quota counts")
    assert unstated(made, [quota({"pods": "4"})]) == []


@pytest.mark.parametrize(
    ("key", "amount", "text"),
    [
        ("requests.cpu", "0.25", "250m"),
        ("limits.memory", str(64 * 2**20), "64Mi"),
        ("limits.memory", "1000", "1000"),
        ("pods", "3", "3"),
    ],
)
def test_amounts_are_told_as_people_write_them(key: str, amount: str, text: str) -> None:
    assert shown(key, Decimal(amount)) == text
