"""Whose the number of replicas is: the release's, an autoscaler's, or somebody's (S1-43)."""

from typing import Any

import pytest

from blocks.platforms.kubernetes_fields import spec_fields
from blocks.platforms.kubernetes_observe import Seen, observation
from blocks.platforms.kubernetes_retire import needed
from blocks.platforms.kubernetes_scaling import (
    KIND,
    autoscalers,
    is_ours,
    observed_replicas,
    only_scale,
    refuse_foreign,
    scaled_fields,
    starting,
    surplus,
    with_scale,
    without_scale,
)
from blocks.platforms.kubernetes_workload import deployment
from slipway.appfile_objects import Autoscale
from slipway.canonical import JsonObject
from slipway.errors import Refused
from slipway.manifest_documents import identity
from slipway.plan import difference
from tests.unit.blocks.platforms.kubernetes_releases import on_cluster, pod, release, service
from tests.unit.blocks.platforms.test_kubernetes_fields import seen_of

SCALED = release(kubernetes=on_cluster(autoscale=Autoscale()))
COLOURED = release(strategy="blue-green", kubernetes=on_cluster(autoscale=Autoscale(max=6)))


def web(replicas: int | None, manager: str = "", operation: str = "Apply") -> JsonObject:
    """The Deployment as found, with who set its number."""
    made = deployment(SCALED, SCALED.services[0], "")
    if replicas is not None:
        made["spec"]["replicas"] = replicas
    owner = {
        "manager": manager,
        "operation": operation,
        "fieldsV1": {"f:spec": {"f:replicas": {}}},
    }
    made["metadata"] |= {"uid": "u", "managedFields": [owner] if manager else []}
    return made


def test_an_autoscaler_keeps_two_to_ten_at_eighty_percent() -> None:
    """S1-43: and the Deployment says no number, so that nothing fights over it."""
    (made,) = autoscalers(SCALED)
    assert made["apiVersion"] == "autoscaling/v2"
    assert made["spec"]["scaleTargetRef"]["name"] == "web"
    assert (made["spec"]["minReplicas"], made["spec"]["maxReplicas"]) == (2, 10)
    target = made["spec"]["metrics"][0]["resource"]["target"]
    assert target == {"type": "Utilization", "averageUtilization": 80}
    assert "replicas" not in deployment(SCALED, SCALED.services[0], "")["spec"]
    assert autoscalers(release()) == []


def test_each_colour_has_its_own() -> None:
    """S1-57: the kept one stays scaled while it is kept."""
    (made,) = autoscalers(COLOURED)
    assert made["metadata"]["name"] == f"web-{COLOURED.id}"
    kept = needed([SCALED, COLOURED], {})
    assert identity(made) in kept
    assert ("autoscaling", KIND, "web") in kept
    assert ("autoscaling", KIND, "web") not in needed([release(), SCALED], {})


@pytest.mark.parametrize(
    ("found", "starts", "sent"),
    [
        (None, (2, 10), 2),  # made now: at its fewest
        (None, None, None),  # no workload, or nothing known: the server's default
        (web(7, "slipway"), (2, 10), 7),  # ours: left out it would be removed, and scale to 1
        (web(7, "kube-controller-manager", "Update"), (2, 10), None),  # the autoscaler's
        (web(7, "kube-controller-manager", "Update"), (2, 4), 4),  # above what it may be
        (web(1, "kubectl", "Update"), (2, 10), 2),  # below what it may be
        (web(3, "slipway", "Update"), (2, 10), None),  # nothing to remove
        (web(2, "kube-controller-manager", "Update"), (7, 10), 7),  # as many as serve now
    ],
)
def test_an_apply_keeps_what_runs(
    found: JsonObject | None, starts: tuple[int, int] | None, sent: int | None
) -> None:
    body = deployment(SCALED, SCALED.services[0], "")
    assert with_scale(body, found, starts)["spec"].get("replicas") == sent
    numbered = {"spec": {"replicas": 3}}
    assert with_scale(numbered, found, starts) == numbered
    assert with_scale({"data": {}}, found, starts) == {"data": {}}


@pytest.mark.parametrize(
    ("running", "begins"), [([], 2), ([1], 2), ([5], 5), ([3, 5], 5), ([9], 6)]
)
def test_another_colour_begins_with_as_many_as_serve(running: list[int], begins: int) -> None:
    found = [web(number) for number in running]
    assert starting(COLOURED, COLOURED.services[0], found) == (begins, 6)
    assert starting(release(), service(), found) is None


@pytest.mark.parametrize(
    ("replicas", "text"),
    [
        (2, "2 to 10, at 80 % cpu"),
        (7, "2 to 10, at 80 % cpu"),
        (10, "2 to 10, at 80 % cpu"),
        (0, "0, outside of 2 to 10, at 80 % cpu"),
        (11, "11, outside of 2 to 10, at 80 % cpu"),
    ],
)
def test_a_number_within_bounds_is_no_change(replicas: int, text: str) -> None:
    """N17: 0 switches an autoscaler off, so that is somebody's doing."""
    assert observed_replicas(web(replicas), autoscalers(SCALED)[0]) == text
    assert observed_replicas(web(replicas), None) == str(replicas)


def scaled_to(number: int, **changed: Any) -> Seen:
    seen = seen_of(SCALED, *(pod(SCALED, f"web-{n}") for n in range(number)))
    seen.deployments[0]["spec"]["replicas"] = number
    for scaler in seen.scalers:
        scaler["spec"] = {**scaler["spec"], **changed}
    return seen


def test_scaling_by_the_autoscaler_is_neither_drift_nor_a_stale_plan() -> None:
    """S1-43, N17: while bounds that somebody set are, and so is a number without an autoscaler."""
    before, after = observation(scaled_to(2)), observation(scaled_to(7))
    assert before.revision == after.revision
    assert difference(before.fields, after.fields) == ()
    assert dict(after.fields) == spec_fields(SCALED)
    edited = observation(scaled_to(7, maxReplicas=30))
    assert edited.revision != after.revision
    assert [c.field for c in difference(spec_fields(SCALED), edited.fields)] == ["web.replicas"]
    by_hand = seen_of(release())
    by_hand.deployments[0]["spec"]["replicas"] = 7
    assert observation(by_hand).fields["web.replicas"] == "7"


def test_who_would_fight_over_a_number_is_removed_or_refused() -> None:
    """A release that says a number takes its own autoscaler away, and nobody else's."""
    numbered, scaled = [deployment(s, s.services[0], "") for s in (release(), SCALED)]
    (own,) = autoscalers(SCALED)
    assert surplus([own], [numbered]) == [own]
    assert surplus([own], [scaled]) == []
    refuse_foreign([own], [numbered])
    foreign = {**own, "metadata": {"name": "mine", "namespace": "shop-live"}}
    with pytest.raises(Refused) as refused:
        refuse_foreign([foreign], [numbered])
    assert "kubectl -n shop-live delete hpa mine" in str(refused.value.next_step)


@pytest.mark.parametrize(
    ("conflicts", "gives_way"),
    [
        (["kube-controller-manager: .spec.replicas"], True),
        (["kubectl: .spec.replicas"], False),
        (["kube-controller-manager: .spec.replicas", "kubectl: .spec.paused"], False),
        ([], False),
    ],
)
def test_only_an_autoscalers_number_gives_way(conflicts: list[str], gives_way: bool) -> None:
    assert only_scale(conflicts) is gives_way


@pytest.mark.parametrize(("number", "text"), [(4, "autoscaled"), (0, "0"), (11, "11")])
def test_manifests_compare_an_autoscaled_number_with_its_bounds(number: int, text: str) -> None:
    """S1-43: the manifest says none, and what the autoscaler sets is no difference."""
    objects = [deployment(SCALED, SCALED.services[0], ""), *autoscalers(SCALED)]
    wanted = dict(scaled_fields(objects, {identity(one): one for one in objects}))
    assert wanted == {"Deployment/web.scale": "autoscaled"}
    live = {identity(one): one for one in (web(number), *autoscalers(SCALED))}
    assert dict(scaled_fields(objects, live)) == {"Deployment/web.scale": text}


def test_what_is_compared_of_a_workload_leaves_out_the_autoscalers_number() -> None:
    (scaler,) = autoscalers(SCALED)
    assert "replicas" not in without_scale(web(4), [scaler])["spec"]
    assert without_scale(web(0), [scaler])["spec"]["replicas"] == 0
    assert without_scale(web(4), [])["spec"]["replicas"] == 4
    assert not is_ours(web(4, "kubectl"))
