"""A canary by an HTTPRoute: what leads to it, what does not, and when a gateway has taken it."""

from typing import Any

import pytest

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_addresses import of_routes
from blocks.platforms.kubernetes_canary import beside, pods_of
from blocks.platforms.kubernetes_gateway import behind_route, routes, taken
from blocks.platforms.kubernetes_retire import backends, rank, surplus
from blocks.platforms.kubernetes_rights import VERBS, needed
from blocks.platforms.kubernetes_supporting import network_policy, services
from blocks.platforms.kubernetes_verify import front_pods
from blocks.platforms.kubernetes_ways import gateway_facts
from slipway.appfile_objects import Gateway
from slipway.canonical import JsonObject
from slipway.errors import Refused
from slipway.release import ReleaseSpec
from tests.unit.blocks.platforms.kubernetes_releases import on_cluster, release

EDGE = Gateway(name="edge", namespace="infra", listener="http", host="shop.example.org")


def routed(*wanted: Any, strategy: str = "canary") -> ReleaseSpec:
    return release(*wanted, strategy=strategy, kubernetes=on_cluster(gateway=EDGE))


def selects(made: JsonObject, pod: JsonObject) -> bool:
    spec = made["spec"]
    wanted = spec.get("selector") or spec["podSelector"]["matchLabels"]
    return bool(wanted.items() <= pod["metadata"]["labels"].items())


def test_a_canary_behind_a_route_is_reached_by_its_own_service_alone() -> None:
    """S1-57: the stable Service would give it a share of its own beside that of the weights."""
    spec = routed()
    made = {one["kind"]: one for one in behind_route(spec, spec.front_service, "", 1)}
    (stable,) = services(spec)
    policy = network_policy(spec, spec.front_service)
    template = {"metadata": made["Deployment"]["spec"]["template"]["metadata"]}
    assert not selects(stable, template)
    assert not selects(policy, template)
    assert selects(made["Service"], template)
    assert selects(made["NetworkPolicy"], template)
    assert made["NetworkPolicy"]["spec"]["ingress"] == policy["spec"]["ingress"]
    pod = {"metadata": {"name": "canary", **template["metadata"]}, "status": {}}
    pod["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
    assert front_pods(spec, [pod]) == ["canary"]
    own = made["Deployment"]["spec"]
    assert own["selector"]["matchLabels"].items() <= own["template"]["metadata"]["labels"].items()


def test_the_preview_of_a_canary_behind_a_route_leads_to_it() -> None:
    spec = routed()
    shown = {
        m["metadata"]["name"]: m for m in beside(spec, "", {"web": 1}) if m["kind"] == "Service"
    }
    assert sorted(shown) == ["web-canary", "web-preview"]
    assert shown["web-canary"]["spec"]["selector"] == shown["web-preview"]["spec"]["selector"]
    assert shown["web-preview"]["metadata"]["labels"][names.TRACK] == names.PREVIEW


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (routed(), {"web": 2, "back": 4}),
        (release(strategy="canary"), {"web": 4, "back": 4}),
        (routed(strategy="rolling"), {"web": 4, "back": 4}),
    ],
)
def test_a_route_weighs_the_front_image_alone(spec: ReleaseSpec, expected: dict[str, int]) -> None:
    """The others are asked through their Services, whose share is that of the pods."""
    assert pods_of(spec, {"web": 4, "back": 4}, 50) == expected


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (None, [("web", 100)]),
        (0, [("web", 100), ("web-canary", 0)]),
        (5, [("web", 95), ("web-canary", 5)]),
    ],
)
def test_weights_of_a_route_are_percent(
    weight: int | None, expected: list[tuple[str, int]]
) -> None:
    (made,) = routes(routed(), weight)
    (rule,) = made["spec"]["rules"]
    assert [(one["name"], one["weight"]) for one in rule["backendRefs"]] == expected
    assert list(backends(made)) == [name for name, _ in expected]
    (parent,) = made["spec"]["parentRefs"]
    assert (parent["namespace"], parent["name"], parent["sectionName"]) == ("infra", "edge", "http")
    assert list(of_routes([made], "web")) == ["shop.example.org/ by Gateway edge"]


def test_a_route_goes_first_and_stays_with_the_release_that_serves() -> None:
    """D6: until it is gone, users are led to what it names."""
    spec = routed()
    (made,) = routes(spec)
    canary = behind_route(spec, spec.front_service, "", 1)
    assert surplus([made, *canary], [spec], {}) == canary[:3]
    assert surplus([made], [release(), spec], {}) == [made]
    assert min([*canary, made], key=rank) == made


ACCEPTED = {"type": "Accepted", "status": "True", "observedGeneration": 3}
RESOLVED = {"type": "ResolvedRefs", "status": "True", "observedGeneration": 3}
NO_SERVICE = {"status": "False", "reason": "BackendNotFound", "message": "no web-canary"}
STATES: dict[str, tuple[list[list[JsonObject]], str, bool]] = {
    "taken": ([[ACCEPTED, RESOLVED]], "", False),
    "no controller": ([], "no gateway has looked*", False),
    "an earlier generation": (
        [[{**ACCEPTED, "observedGeneration": 2}, RESOLVED]],
        "Acc*yet",
        False,
    ),
    "half told": ([[ACCEPTED]], "ResolvedRefs tells nothing*", False),
    "refused": ([[ACCEPTED, {**RESOLVED, **NO_SERVICE}]], "*BackendNotFound: no web-canary", True),
    "refused earlier": (
        [[ACCEPTED, {**RESOLVED, **NO_SERVICE, "observedGeneration": 2}]],
        "*",
        False,
    ),
    "one of two": ([[{**ACCEPTED, **NO_SERVICE}], [ACCEPTED, RESOLVED]], "", False),
}


@pytest.mark.parametrize(("parents", "lacking", "is_refused"), STATES.values(), ids=STATES)
def test_when_a_gateway_has_taken_a_route(
    parents: list[list[JsonObject]], lacking: str, is_refused: bool
) -> None:
    """C6: a status of an earlier generation says nothing of the present weights."""
    status = {"parents": [{"conditions": one} for one in parents]}
    found = taken({"metadata": {"generation": 3}, "status": status})
    assert found.is_refused is is_refused
    assert (found.lacking == "") == (lacking == "")
    parts = lacking.split("*")
    assert found.lacking.startswith(parts[0])
    assert found.lacking.endswith(parts[-1])


class Served:
    """A cluster that serves these kinds of the Gateway API, or none."""

    def __init__(self, *kinds: str) -> None:
        self.kinds = kinds

    def find(self, path: str) -> JsonObject | None:
        return {"resources": [{"kind": kind} for kind in self.kinds]} if self.kinds else None


@pytest.mark.parametrize("kinds", [(), ("Gateway", "GRPCRoute")])
def test_a_cluster_without_the_gateway_api_is_refused_by_path(kinds: tuple[str, ...]) -> None:
    """S1-23: before anything is changed; what asks for no gateway needs none."""
    with pytest.raises(Refused) as caught:
        gateway_facts(Served(*kinds), routed())  # type: ignore[arg-type]
    assert "environments.prod.gateway" in str(caught.value)
    assert gateway_facts(Served(*kinds), release()) == []  # type: ignore[arg-type]


def test_only_a_release_with_a_gateway_needs_its_permissions() -> None:
    """G13"""
    assert gateway_facts(Served("HTTPRoute"), routed())  # type: ignore[arg-type]
    assert needed(release()) == VERBS
    more = {key for key in needed(routed()) if key not in VERBS}
    assert more == {("gateway.networking.k8s.io", "httproutes")}
