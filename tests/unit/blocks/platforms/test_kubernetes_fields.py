"""Fields out of a specification and out of the cluster's objects."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_fields import spec_fields
from blocks.platforms.kubernetes_gateway import behind_route, routes
from blocks.platforms.kubernetes_observe import Seen, observation
from blocks.platforms.kubernetes_observe import own as own_of
from blocks.platforms.kubernetes_scaling import autoscalers
from blocks.platforms.kubernetes_supporting import ingresses, preview
from blocks.platforms.kubernetes_workload import canary_deployment
from slipway.appfile_objects import Autoscale, Gateway, Ingress
from slipway.canonical import JsonObject
from slipway.plan import difference
from slipway.release import ReleaseSpec
from tests.unit.blocks.platforms.kubernetes_releases import (
    as_stored,
    on_cluster,
    pod,
    release,
    service,
    weighted,
)


def seen_of(spec: ReleaseSpec, *pods: JsonObject) -> Seen:
    deployments, services, configs = as_stored(spec)
    for kind, made in (("Deployment", deployments), ("Service", services), ("ConfigMap", configs)):
        for one in made:
            one["kind"] = kind
    return Seen(
        tuple(deployments),
        tuple(services),
        tuple(configs),
        pods or (pod(spec),),
        scalers=tuple(with_uid(made) for made in autoscalers(spec)),
        ingresses=tuple(with_uid(made) for made in ingresses(spec)),
        routes=tuple(with_uid(made) for made in routes(spec)),
    )


def with_uid(made: JsonObject) -> JsonObject:
    return {**made, "metadata": {**made["metadata"], "uid": f"uid-{made['kind']}"}}


SPECS = {
    "plain": release(),
    "set": release(service(), service("back", config={}, writable=())),
    "command": release(service(command=("serve", "--port", "8000"))),
    "recreate": release(strategy="recreate"),
    "colour": release(strategy="blue-green"),
    "no secrets": release(secrets={}),
    "canary": release(strategy="canary", **weighted(10, 50)),
    "autoscaled": release(kubernetes=on_cluster(autoscale=Autoscale())),
    "autoscaled colour": release(
        strategy="blue-green", kubernetes=on_cluster(autoscale=Autoscale(max=3))
    ),
    "by a gateway": release(
        strategy="canary",
        kubernetes=on_cluster(
            gateway=Gateway(name="edge", namespace="infra", host="a.example.org")
        ),
    ),
    "from outside": release(
        kubernetes=on_cluster(
            service_type="LoadBalancer",
            ingress=Ingress(host="shop.example.org", class_name="nginx", tls_secret="shop-tls"),
        )
    ),
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_what_runs_as_specified_shows_no_difference(spec: ReleaseSpec) -> None:
    """E7: nothing to do, so nothing is done."""
    seen = observation(seen_of(spec))
    assert seen.serving == spec.id
    assert dict(seen.fields) == spec_fields(spec)


def own(seen: Seen) -> Any:
    return seen.deployments[0]["spec"]["template"]["spec"]["containers"][0]


HAND = {
    "web.image": lambda seen: own(seen).update(image=f"registry/shop@sha256:{'b' * 64}"),
    "web.replicas": lambda seen: seen.deployments[0]["spec"].update(replicas=9),
    "web.memory": lambda seen: own(seen)["resources"]["limits"].update(memory="1Gi"),
    "web.cpu": lambda seen: own(seen)["resources"].update(requests={}),
    "web.config.GREETING": lambda seen: seen.configs[0]["data"].update(GREETING="bye"),
    "web.config.DEBUG": lambda seen: own(seen).update(env=[{"name": "DEBUG", "value": "1"}]),
    "web.paused": lambda seen: seen.deployments[0]["spec"].update(paused=True),
    "web.containers": lambda seen: seen.deployments[0]["spec"]["template"]["spec"][
        "containers"
    ].append({"name": "spy", "image": "spy"}),
    "web.hardening": lambda seen: own(seen).pop("securityContext"),
    "service_type": lambda seen: seen.services[0]["spec"].update(type="NodePort"),
    "port": lambda seen: seen.services[0]["spec"]["ports"][0].update(port=81),
    "strategy": lambda seen: seen.deployments[0]["spec"].update(strategy={"type": "Recreate"}),
    "health.ready": lambda seen: own(seen)["readinessProbe"]["httpGet"].update(path="/"),
    "service_account": lambda seen: seen.deployments[0]["spec"]["template"]["spec"].update(
        serviceAccountName="admin"
    ),
}


@pytest.mark.parametrize(("field", "edit"), HAND.items(), ids=HAND)
def test_a_change_by_hand_is_named_by_its_field(field: str, edit: Callable[[Seen], None]) -> None:
    """N17: image set by hand, scaled, config edited; the plan made before is stale then."""
    spec = release()
    seen = seen_of(spec)
    before = observation(seen).revision
    edit(seen)
    after = observation(seen)
    assert field in [c.field for c in difference(spec_fields(spec), after.fields)]
    assert after.revision != before


def test_a_fence_does_not_change_the_revision() -> None:
    """N08: only what a person changed makes a plan stale."""
    seen = seen_of(release())
    before = observation(seen).revision
    for made in (*seen.deployments, *seen.services):
        made["metadata"].setdefault("annotations", {})["slipway.dev/claim"] = "9"
        made["metadata"]["resourceVersion"] = "99"
        made["status"] = {"replicas": 7}
    assert observation(seen).revision == before


def test_a_pod_that_runs_another_image_shows_both_digests() -> None:
    """N17: what really runs counts."""
    spec, other = release(), f"sha256:{'c' * 64}"
    seen = observation(seen_of(spec, pod(spec, imageID=f"registry/shop@{other}")))
    assert seen.fields["web.image"] == f"{spec.services[0].digest} and {other}"


def test_nothing_serves_where_no_pod_is_ready() -> None:
    spec = release()
    seen = observation(seen_of(spec, pod(spec, ready=False)))
    assert seen.serving is None
    assert dict(seen.fields) == {}


def test_amid_a_rollout_the_release_of_most_ready_pods_serves() -> None:
    old, new = release(), release(service(config={"GREETING": "new"}))
    pods = (pod(old, "a"), pod(old, "b"), pod(new, "c"))
    assert observation(seen_of(new, *pods)).serving == old.id


def with_canary(spec: ReleaseSpec, other: ReleaseSpec, *pods: JsonObject) -> Seen:
    """A release that serves, with the canary and the preview of another beside it."""
    seen = seen_of(spec, *pods)
    beside = [canary_deployment(other, other.services[0], "", 2), preview(other)]
    for number, made in enumerate(beside):
        made["metadata"] |= {"uid": f"beside-{number}", "resourceVersion": "7"}
    return replace(
        seen,
        deployments=(*seen.deployments, beside[0]),
        services=(*seen.services, beside[1]),
    )


def canary_pod(spec: ReleaseSpec, name: str) -> JsonObject:
    made = pod(spec, name)
    labels = {**made["metadata"]["labels"], names.TRACK: names.CANARY}
    return {**made, "metadata": {**made["metadata"], "labels": labels}}


def test_the_stable_set_serves_and_what_stands_beside_it_is_told() -> None:
    """N17: a canary that was left is a difference; it never counts as what serves."""
    spec, other = release(), release(strategy="canary", **weighted(50))
    pods = (pod(spec, "a"), canary_pod(other, "b"), canary_pod(other, "c"))
    seen = with_canary(spec, other, *pods)
    found = observation(seen)
    assert found.serving == spec.id
    told = difference(spec_fields(spec), found.fields)
    assert {change.field for change in told} == {"web.canary", "preview"}
    assert found.fields["web.canary"] == found.fields["preview"] == f"release {other.id}"
    assert dict(observation(own_of(seen, spec.id)).fields) == spec_fields(spec)


def test_a_route_that_was_left_or_changed_is_told_with_its_weights() -> None:
    """N17: while the canary stands, the way back to what serves is no change by hand."""
    spec = SPECS["by a gateway"]
    other = release(service(config={}), strategy="canary", kubernetes=spec.kubernetes)
    seen = replace(seen_of(spec), routes=tuple(with_uid(one) for one in routes(spec, 5)))
    found = observation(seen)
    (told,) = difference(spec_fields(spec), found.fields)
    assert (told.field, told.after) == ("route.web.weights", "web 95, web-canary 5")
    beside = [with_uid(m) for m in behind_route(other, other.services[0], "", 1)]
    by_kind = {kind: [m for m in beside if m["kind"] == kind] for kind in ("Deployment", "Service")}
    standing = replace(
        seen,
        deployments=(*seen.deployments, *by_kind["Deployment"]),
        services=(*seen.services, *by_kind["Service"]),
    )
    after = {change.field for change in difference(spec_fields(spec), observation(standing).fields)}
    assert after == {"web.canary", "preview", "route.web.weights"}
    assert observation(standing).serving == spec.id
    assert dict(observation(own_of(standing, spec.id)).fields) == spec_fields(spec)
    assert dict(observation(own_of(seen, spec.id)).fields) != spec_fields(spec)


def test_a_canary_alone_serves() -> None:
    spec, other = release(), release(strategy="canary", **weighted(50))
    assert observation(with_canary(spec, other, canary_pod(other, "b"))).serving == other.id


@pytest.mark.parametrize(("weights", "told"), [((), None), ((10, 50), "10 % 1000ms,50 % 1000ms")])
def test_the_weights_are_a_field(weights: tuple[int, ...], told: str | None) -> None:
    """E7: other weights are another release, and the plan names them."""
    assert spec_fields(release(strategy="canary", **weighted(*weights))).get("canary") == told
