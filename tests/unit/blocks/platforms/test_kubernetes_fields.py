"""Fields out of a specification and out of the cluster's objects."""

from collections.abc import Callable
from typing import Any

import pytest

from blocks.platforms.kubernetes_fields import spec_fields
from blocks.platforms.kubernetes_observe import Seen, observation
from slipway.canonical import JsonObject
from slipway.plan import difference
from slipway.release import ReleaseSpec
from tests.unit.blocks.platforms.kubernetes_releases import as_stored, pod, release, service


def seen_of(spec: ReleaseSpec, *pods: JsonObject) -> Seen:
    deployments, services, configs = as_stored(spec)
    for kind, made in (("Deployment", deployments), ("Service", services), ("ConfigMap", configs)):
        for one in made:
            one["kind"] = kind
    return Seen(tuple(deployments), tuple(services), tuple(configs), pods or (pod(spec),))


SPECS = {
    "plain": release(),
    "set": release(service(), service("back", config={}, writable=())),
    "command": release(service(command=("serve", "--port", "8000"))),
    "recreate": release(strategy="recreate"),
    "colour": release(strategy="blue-green"),
    "no secrets": release(secrets={}),
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
