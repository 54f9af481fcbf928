"""Autoscalers: the one of each service, and whose the number of replicas is. Pure.

While a HorizontalPodAutoscaler targets a workload, the number within its bounds is its own: no
release sets it, and no comparison takes it for a change.
https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from blocks.platforms import kubernetes_names as names
from slipway.appfile_objects import Autoscale
from slipway.canonical import JsonObject
from slipway.errors import Cause, Refused
from slipway.release import ReleaseSpec, ServiceSpec

KIND = "HorizontalPodAutoscaler"
CONTROLLER = "kube-controller-manager"
REPLICAS = ".spec.replicas"
AUTOSCALED = "autoscaled"
Bounds: TypeAlias = tuple[int, int]
"""Fewest and most pods that a workload begins with."""


def autoscale_of(spec: ReleaseSpec) -> Autoscale | None:
    """How the release is scaled; None where it has a number of replicas."""
    return spec.kubernetes.autoscale if spec.kubernetes else None


def autoscaler(spec: ReleaseSpec, service: ServiceSpec, wanted: Autoscale) -> JsonObject:
    """The autoscaler of one service, named like the Deployment that it targets."""
    name = names.deployment_name(spec, service)
    target = {"type": "Utilization", "averageUtilization": wanted.cpu}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": KIND,
        "metadata": {
            "name": name,
            "namespace": names.namespace_of(spec),
            "labels": names.service_labels(spec.target, service.name),
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": wanted.min,
            "maxReplicas": wanted.max,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }


def autoscalers(spec: ReleaseSpec) -> list[JsonObject]:
    """One for each service of an autoscaled release."""
    wanted = autoscale_of(spec)
    return [autoscaler(spec, s, wanted) for s in spec.services] if wanted else []


def targeted(scalers: Iterable[JsonObject], kind: str, name: str) -> JsonObject | None:
    """The autoscaler of a workload."""
    for made in scalers:
        target = (made.get("spec") or {}).get("scaleTargetRef") or {}
        if (target.get("kind"), target.get("name")) == (kind, name):
            return made
    return None


def starting(
    spec: ReleaseSpec, service: ServiceSpec, running: Sequence[JsonObject]
) -> Bounds | None:
    """How an autoscaled service begins: with as many pods as serve now, within its bounds.

    Args:
        running: the target's Deployments.
    """
    wanted = autoscale_of(spec)
    if wanted is None:
        return None
    own = [d for d in running if (d["metadata"].get("labels") or {}).get(names.SERVICE)]
    found = [
        int(made["spec"].get("replicas") or 0)
        for made in own
        if made["metadata"]["labels"][names.SERVICE] == service.name
    ]
    return min(max([wanted.min, *found]), wanted.max), wanted.max


def with_scale(body: JsonObject, found: JsonObject | None, starts: Bounds | None) -> JsonObject:
    """An apply of a workload whose replicas something else sets.

    A field that we own and leave out would be removed, which scales to 1: so we repeat what is
    there. What the autoscaler owns we leave out.

    Args:
        starts: None for what is no workload, or has replicas of its own.
    """
    if "spec" not in body or "replicas" in body["spec"]:
        return body
    there = ((found or {}).get("spec") or {}).get("replicas")
    low, high = starts or (0, there or 0)
    wanted = min(max(there or 0, low), high)
    if not wanted or (there == wanted and found and not is_ours(found)):
        return body
    return {**body, "spec": {**body["spec"], "replicas": wanted}}


def kept_scale(body: JsonObject, found: JsonObject) -> JsonObject:
    """The body of a replacement with the replicas that are there, where something else sets them.

    A replacement leaves nothing out.
    """
    scale = (found.get("spec") or {}).get("replicas")
    if scale is None or "replicas" in body["spec"]:
        return body
    return {**body, "spec": {**body["spec"], "replicas": scale}}


def is_ours(found: JsonObject) -> bool:
    """Whether Slipway's last apply set the number of replicas."""
    return any(
        "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
        for entry in found["metadata"].get("managedFields") or []
        if entry.get("manager") == names.MANAGER and entry.get("operation") == "Apply"
    )


def only_scale(conflicts: Sequence[str]) -> bool:
    """Whether nothing but an autoscaler's number is in the way of an apply."""
    return bool(conflicts) and set(conflicts) == {f"{CONTROLLER}: {REPLICAS}"}


def text_of(low: object, high: object, cpu: object) -> str:
    """Bounds as a field's text."""
    return f"{low} to {high}, at {cpu} % cpu"


def wanted_replicas(spec: ReleaseSpec, service: ServiceSpec) -> str:
    """The field that a cluster shows where the service is scaled as specified."""
    wanted = autoscale_of(spec)
    return text_of(wanted.min, wanted.max, wanted.cpu) if wanted else str(service.replicas)


def observed_replicas(made: JsonObject, scaler: JsonObject | None) -> str:
    """The same as found: bounds of the autoscaler while the number is within them, else both."""
    number = made["spec"].get("replicas")
    if scaler is None:
        return str(number)
    spec = scaler["spec"]
    bounds = text_of(spec.get("minReplicas", 1), spec.get("maxReplicas"), _cpu(spec))
    return bounds if is_within(made, scaler) else f"{number}, outside of {bounds}"


def bounds_of(scaler: JsonObject) -> Bounds:
    """Fewest and most pods that it sets."""
    spec = scaler["spec"]
    return int(spec.get("minReplicas", 1)), int(spec.get("maxReplicas", 0))


def is_within(made: JsonObject, scaler: JsonObject) -> bool:
    """Whether the number of replicas is one that its autoscaler may have set."""
    low, high = bounds_of(scaler)
    return bool(low <= int(made["spec"].get("replicas") or 0) <= high)


def _cpu(spec: JsonObject) -> object:
    for metric in spec.get("metrics") or []:
        resource = metric.get("resource") or {}
        if resource.get("name") == "cpu":
            return (resource.get("target") or {}).get("averageUtilization", "?")
    return "?"


def without_scale(made: JsonObject, scalers: Sequence[JsonObject]) -> JsonObject:
    """A workload without the number that is its autoscaler's own, to be compared."""
    scaler = targeted(scalers, made["kind"], made["metadata"]["name"])
    if scaler is None or not is_within(made, scaler):
        return made
    return {**made, "spec": {k: v for k, v in made["spec"].items() if k != "replicas"}}


def surplus(scalers: Iterable[JsonObject], wanted: Sequence[JsonObject]) -> list[JsonObject]:
    """Autoscalers that would fight over the replicas that these workloads say."""
    numbered = {
        (one["kind"], one["metadata"]["name"])
        for one in wanted
        if "replicas" in (one.get("spec") or {})
    }
    return [made for made in scalers if _target(made) in numbered]


def refuse_foreign(scalers: Iterable[JsonObject], wanted: Sequence[JsonObject]) -> None:
    """Raises Refused where somebody else's autoscaler would fight over replicas."""
    for made in surplus(scalers, wanted):
        if (made["metadata"].get("labels") or {}).get(names.MANAGED_BY) != names.MANAGER:
            kind, name = _target(made)
            raise Refused(
                f"{kind} {name} is scaled by a {KIND} of somebody else",
                found=f"{KIND} {made['metadata']['name']}, and a number of replicas in the release",
                allowed="one of the two",
                next_step="write environments.*.autoscale in slipway.yaml, "
                f"or kubectl -n {made['metadata']['namespace']} delete hpa "
                f"{made['metadata']['name']}",
                cause=Cause.CONFLICT,
            )


def scaled_fields(
    objects: Sequence[JsonObject], found: Mapping[tuple[str, str, str], JsonObject]
) -> Iterator[tuple[str, str]]:
    """Of workloads that an autoscaler among the objects sets: whether their number is its own."""
    scalers = [one for one in objects if one["kind"] == KIND]
    for one in objects:
        kind, name = one["kind"], one["metadata"]["name"]
        if targeted(scalers, kind, name) and (made := found.get(("apps", kind, name))):
            scaler = targeted((m for k, m in found.items() if k[1] == KIND), kind, name)
            is_own = "replicas" not in made["spec"] or (scaler and is_within(made, scaler))
            yield f"{kind}/{name}.scale", AUTOSCALED if is_own else str(made["spec"]["replicas"])


def _target(made: JsonObject) -> tuple[str, str]:
    target = (made.get("spec") or {}).get("scaleTargetRef") or {}
    return str(target.get("kind")), str(target.get("name"))
