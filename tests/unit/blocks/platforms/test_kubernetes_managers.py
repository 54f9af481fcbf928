"""Who changed a field, out of managedFields as kubectl 1.36 leaves them (N17)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from blocks.platforms.kubernetes_managers import foreign_paths, managers
from blocks.platforms.kubernetes_observe import Seen
from slipway.release import ReleaseSpec
from tests.unit.blocks.platforms.kubernetes_releases import as_stored, pod, release, service

CONTAINER = 'k:{"name":"web"}'


def template(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"f:spec": {"f:template": {"f:spec": {"f:containers": {CONTAINER: fields}}}}}


SCALED = {"manager": "kubectl", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
IMAGE = {"manager": "kubectl-set", "fieldsV1": template({"f:image": {}})}
VARIABLE = {
    "manager": "kubectl-edit",
    "fieldsV1": template({"f:env": {".": {}, 'k:{"name":"DEBUG"}': {".": {}, "f:value": {}}}}),
}
OURS = {"manager": "slipway", "fieldsV1": template({"f:image": {}})}
STATUS = {"manager": "node", "subresource": "status", "fieldsV1": {"f:status": {}}}
CONTROLLER = {"manager": "kube-controller-manager", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
PORT = {"manager": "kubectl-patch", "fieldsV1": {"f:spec": {"f:ports": {'k:{"port":81}': {}}}}}


def seen_of(spec: ReleaseSpec, *entries: dict[str, Any], front: tuple[Any, ...] = ()) -> Seen:
    deployments, services, configs = as_stored(spec)
    deployments[0]["metadata"]["managedFields"] = [OURS, STATUS, CONTROLLER, *entries]
    services[-1]["metadata"]["managedFields"] = [OURS, *front]
    return Seen(tuple(deployments), tuple(services), tuple(configs), (pod(spec),))


@pytest.mark.parametrize(
    ("field", "who"),
    [
        ("web.replicas", "kubectl"),
        ("web.image", "kubectl-set"),
        ("web.config.DEBUG", "kubectl-edit"),
        ("web.memory", "kubectl or kubectl-edit or kubectl-set"),
        ("serving", "kubectl or kubectl-edit or kubectl-set"),
    ],
)
def test_a_field_has_the_manager_that_wrote_it(field: str, who: str) -> None:
    """Where no path tells, all who wrote into the object are named."""
    assert managers(seen_of(release(), SCALED, IMAGE, VARIABLE), [field]) == {field: who}


def test_what_nobody_else_wrote_has_no_manager() -> None:
    assert managers(seen_of(release()), ["web.image", "serving", "port"]) == {}


def test_a_route_has_its_own_managers() -> None:
    """B8: a gateway's status is no change."""
    edited = {"manager": "kubectl-edit", "fieldsV1": {"f:spec": {"f:rules": {}}}}
    status = {"manager": "contour", "subresource": "status", "fieldsV1": {"f:status": {}}}
    made = {"metadata": {"name": "web", "managedFields": [OURS, status, edited]}}
    seen = replace(seen_of(release(), SCALED), routes=(made,))
    assert managers(seen, ["route.web.weights"]) == {"route.web.weights": "kubectl-edit"}


def test_the_port_is_of_the_front_service() -> None:
    seen = seen_of(release(), SCALED, front=(PORT,))
    assert managers(seen, ["port"]) == {"port": "kubectl-patch"}


def test_services_are_kept_apart() -> None:
    spec = release(service(), service("back"))
    assert managers(seen_of(spec, SCALED), ["back.replicas", "web.replicas"]) == {
        "web.replicas": "kubectl"
    }


@pytest.mark.parametrize("strategy", ["rolling", "blue-green"])
def test_the_workload_tells_where_nothing_serves(strategy: str) -> None:
    """Scaled to nothing: no pod is behind the Service any more."""
    spec = release(strategy=strategy)
    deployments = seen_of(spec, SCALED).deployments
    services = tuple(as_stored(spec)[1])
    assert managers(Seen(deployments, services, (), ()), ["serving"]) == {"serving": "kubectl"}


def test_paths_are_told_to_the_leaf() -> None:
    made = {"metadata": {"managedFields": [VARIABLE]}}
    inner = ("spec", "template", "spec", "containers", "web", "env", "DEBUG", "value")
    assert list(foreign_paths(made)) == [("kubectl-edit", inner)]
