"""An HTTPRoute of the Gateway API: which share of the requests goes to which Service. Pure.

The whole route is the release's: server-side apply owns `rules` at once, not a weight in it.
https://gateway-api.sigs.k8s.io/reference/spec/#httproute
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_supporting import network_policy, preview, service
from blocks.platforms.kubernetes_workload import canary_deployment
from slipway.appfile_objects import Gateway
from slipway.canonical import JsonObject, canonical_json
from slipway.release import ReleaseSpec, ServiceSpec

GROUP = "gateway.networking.k8s.io"
VERSION = f"{GROUP}/v1"
KIND = "HTTPRoute"
NEEDED = ("Accepted", "ResolvedRefs")


def gateway_of(spec: ReleaseSpec) -> Gateway | None:
    """The gateway that leads to the release, if one does."""
    return spec.kubernetes.gateway if spec.kubernetes else None


def is_routed(spec: ReleaseSpec) -> bool:
    """Whether a canary of the release gets its share of the requests by a route."""
    return spec.strategy == names.CANARY and gateway_of(spec) is not None


def routes(spec: ReleaseSpec, weight: int | None = None) -> list[JsonObject]:
    """The route of a release that asks for one.

    Args:
        weight: percent of the requests that go to the canary; where None, it is not led to.
    """
    wanted = gateway_of(spec)
    return [_route(spec, wanted, weight)] if wanted else []


def _route(spec: ReleaseSpec, wanted: Gateway, weight: int | None) -> JsonObject:
    """With every default written out, so that what is read is what was asked for."""
    parent = {"group": GROUP, "kind": "Gateway", "name": wanted.name}
    if wanted.namespace:
        parent["namespace"] = wanted.namespace
    if wanted.listener:
        parent["sectionName"] = wanted.listener
    shares = [(spec.front, 100 - (weight or 0))]
    shares += [] if weight is None else [(names.canary_name(spec.front_service), weight)]
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": wanted.path}}],
        "backendRefs": [_backend(name, spec.port, share) for name, share in shares],
    }
    return {
        "apiVersion": VERSION,
        "kind": KIND,
        "metadata": {
            "name": spec.front,
            "namespace": names.namespace_of(spec),
            "labels": names.service_labels(spec.target, spec.front),
        },
        "spec": {"parentRefs": [parent], "hostnames": [wanted.host], "rules": [rule]},
    }


def _backend(name: str, port: int, weight: int) -> JsonObject:
    return {"group": "", "kind": "Service", "name": name, "port": port, "weight": weight}


def behind_route(
    spec: ReleaseSpec, wanted: ServiceSpec, candidate: str, pods: int
) -> list[JsonObject]:
    """A canary of the front service that its own Service reaches, and the stable one does not.

    Its pods carry another service's label, so they need a NetworkPolicy of their own.
    """
    policy, reached = network_policy(spec, wanted), service(spec, wanted)
    labels = canary_labels(spec, wanted)
    selector = {"podSelector": {"matchLabels": labels}}
    return [
        {**_aside(policy, spec, wanted), "spec": {**policy["spec"], **selector}},
        _apart(canary_deployment(spec, wanted, candidate, pods), labels),
        _leading(_aside(reached, spec, wanted), labels),
        _leading(preview(spec), labels),
    ]


def canary_labels(spec: ReleaseSpec, wanted: ServiceSpec) -> dict[str, str]:
    """What selects the pods of a canary behind a Service of its own."""
    own = names.pod_selector(spec.target, names.canary_name(wanted))
    return {**own, names.TRACK: names.CANARY, names.CANARY_OF: wanted.name}


def _apart(made: JsonObject, labels: Mapping[str, str]) -> JsonObject:
    """The canary's Deployment with pods that no other Service selects."""
    template = made["spec"]["template"]
    metadata = {"labels": {**template["metadata"]["labels"], **labels}}
    apart = {"selector": {"matchLabels": labels}, "template": {**template, "metadata": metadata}}
    return {**made, "spec": {**made["spec"], **apart}}


def _leading(made: JsonObject, labels: Mapping[str, str]) -> JsonObject:
    """The Service as one that leads to these pods, and is for the cluster's inside."""
    return {**made, "spec": {**made["spec"], "type": "ClusterIP", "selector": labels}}


def _aside(made: JsonObject, spec: ReleaseSpec, wanted: ServiceSpec) -> JsonObject:
    """The object under a name of its own, marked as the canary's."""
    track = {names.RELEASE: spec.id, names.TRACK: names.CANARY}
    labels = {**made["metadata"]["labels"], **track}
    metadata = {**made["metadata"], "name": names.canary_name(wanted), "labels": labels}
    return {**made, "metadata": metadata}


def route_fields(found: Iterable[JsonObject]) -> dict[str, str]:
    """Of each route, where requests come from, and which share of them goes where."""
    fields = {}
    for made in found:
        name, spec = made["metadata"]["name"], made["spec"]
        rules = spec.get("rules") or []
        shown = {key: spec[key] for key in ("parentRefs", "hostnames") if spec.get(key)}
        shown["rules"] = [{k: v for k, v in one.items() if k != "backendRefs"} for one in rules]
        fields[f"route.{name}"] = canonical_json(shown).decode()
        fields[f"route.{name}.weights"] = "; ".join(map(_weights, rules))
    return fields


def _weights(rule: JsonObject) -> str:
    found = rule.get("backendRefs") or []
    return ", ".join(f"{one.get('name')} {one.get('weight', 1)}" for one in found) or "nowhere"


def leading_past(route: JsonObject, canaries: Collection[str]) -> JsonObject:
    """The route as it is once these Services are gone, and the others have their share."""
    rules = [_past(rule, canaries) for rule in route["spec"].get("rules") or []]
    return {**route, "spec": {**route["spec"], "rules": rules}}


def _past(rule: JsonObject, canaries: Collection[str]) -> JsonObject:
    found = rule.get("backendRefs") or []
    kept = [one for one in found if one.get("name") not in canaries]
    if len(kept) == len(found) or len(kept) != 1:
        return rule
    whole = sum(int(one.get("weight", 1)) for one in found)
    return {**rule, "backendRefs": [{**kept[0], "weight": whole}]}


class Taken(NamedTuple):
    """Whether a gateway sends requests by what a route says now.

    Attributes:
        lacking: why none does; empty where one does.
        is_refused: whether its controller has looked, and said no.
    """

    lacking: str
    is_refused: bool = False


def taken(route: JsonObject) -> Taken:
    """By the route's status; one that tells of an earlier generation says nothing yet."""
    parents = (route.get("status") or {}).get("parents") or []
    if not parents:
        return Taken("no gateway has looked at it: is the Gateway there, and its controller?")
    generation = int(route["metadata"].get("generation") or 0)
    found = [_taken(one.get("conditions") or [], generation) for one in parents]
    return min(found, key=lambda one: (bool(one.lacking), not one.is_refused))


def _taken(conditions: Sequence[JsonObject], generation: int) -> Taken:
    found = {one["type"]: one for one in conditions}
    for kind in NEEDED:
        one = found.get(kind)
        if one is None or int(one.get("observedGeneration") or 0) < generation:
            return Taken(f"{kind} tells nothing of its latest change yet")
        if one["status"] != "True":
            return Taken(f"{kind}: {one.get('reason')}: {one.get('message')}", is_refused=True)
    return Taken("")
