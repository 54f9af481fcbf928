"""What runs on the cluster for one target, read from the API server. The conclusions are pure."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import Cluster
from blocks.platforms.kubernetes_fields import observed_fields
from slipway.canonical import JsonObject, content_digest
from slipway.platform import Observation
from slipway.release import Target

# What the control plane or a fence writes by itself.
_NOT_BY_HAND = (names.CLAIM, "deployment.kubernetes.io/revision")


@dataclass(frozen=True, slots=True)
class Seen:
    """The objects of one target, each list in order of names."""

    deployments: tuple[JsonObject, ...]
    services: tuple[JsonObject, ...]
    configs: tuple[JsonObject, ...]
    pods: tuple[JsonObject, ...]


def see(cluster: Cluster, target: Target, namespace: str) -> Seen:
    """Read everything of the target but its secrets."""
    labels = names.target_selector(target)
    kinds = ("Deployment", "Service", "ConfigMap", "Pod")
    deployments, services, configs, pods = (
        tuple(cluster.list(kind, namespace, labels)) for kind in kinds
    )
    return Seen(deployments, services, configs, pods)


def own(seen: Seen, release: str) -> Seen:
    """Without workloads of another release: they are removed once this one counts as good. Pure."""
    return replace(seen, deployments=tuple(d for d in seen.deployments if release_of(d) == release))


def observation(seen: Seen) -> Observation:
    """Fields, revision and serving release. Pure."""
    serving = serving_id(seen)
    deployments = of_release(seen.deployments, serving) if serving else []
    fields = observed_fields(
        deployments,
        {service["metadata"]["name"]: service for service in seen.services},
        {config["metadata"]["name"]: config for config in seen.configs},
        running_digests(seen.pods, serving),
    )
    return Observation(fields=fields, revision=revision(seen), serving=serving)


def of_release(deployments: Sequence[JsonObject], serving: str) -> list[JsonObject]:
    """The workloads behind what serves: the one colour, or those changed in place. Pure."""
    return [
        deployment
        for deployment in deployments
        if names.RELEASE not in deployment["spec"]["selector"]["matchLabels"]
        or release_of(deployment) == serving
    ]


def serving_id(seen: Seen) -> str | None:
    """The release of the ready pods behind the front Service; the most where several are. Pure."""
    front = front_service(seen)
    if front is None:
        return None
    behind = Counter(release_of(pod) for pod in ready_behind(front, seen.pods))
    return max(sorted(behind), key=lambda release: behind[release]) if behind else None


def front_service(seen: Seen) -> JsonObject | None:
    """The Service that users reach, as the workloads tell. Pure."""
    fronts = {settings(deployment).get("front") for deployment in seen.deployments}
    return next((s for s in seen.services if s["metadata"]["name"] in fronts), None)


def addresses(service: JsonObject) -> list[str]:
    """Where users reach a Service: its load balancer's addresses, else its own. Pure."""
    spec, status = service.get("spec") or {}, service.get("status") or {}
    balancer = (status.get("loadBalancer") or {}).get("ingress") or []
    hosts = [str(entry.get("hostname") or entry.get("ip")) for entry in balancer]
    ports = [str(port["port"]) for port in spec.get("ports") or []]
    return [
        f"{host}:{port}" for host in hosts or [str(spec.get("clusterIP", ""))] for port in ports
    ]


def settings(deployment: JsonObject) -> dict[str, str]:
    """What only Slipway knows of a release. Pure."""
    annotations = deployment["metadata"].get("annotations") or {}
    found: dict[str, str] = json.loads(annotations.get(names.SETTINGS) or "{}")
    return found


def ready_behind(service: JsonObject, pods: Sequence[JsonObject]) -> list[JsonObject]:
    """Pods that the Service sends traffic to. Pure."""
    selector = (service["spec"].get("selector") or {}).items()
    return [
        pod
        for pod in pods
        if selector and selector <= (pod["metadata"].get("labels") or {}).items() and is_ready(pod)
    ]


def is_ready(pod: JsonObject) -> bool:
    """Whether it passed its readiness probe, and was not told to end. Pure."""
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def release_of(made: JsonObject) -> str:
    return str((made["metadata"].get("labels") or {}).get(names.RELEASE, ""))


def running_digests(pods: Sequence[JsonObject], release: str | None) -> Mapping[str, set[str]]:
    """Digests that the release's containers really run, by service. Pure.

    The repository is left out: a node may know one digest by several.
    """
    found: dict[str, set[str]] = {}
    for pod in pods:
        if release_of(pod) != release or pod["metadata"].get("deletionTimestamp"):
            continue
        service = str(pod["metadata"]["labels"].get(names.SERVICE))
        for status in (pod.get("status") or {}).get("containerStatuses") or []:
            if digest := str(status.get("imageID") or "").partition("@")[2]:
                found.setdefault(service, set()).add(digest)
    return found


def revision(seen: Seen) -> str:
    """A digest over everything that a person could change; a fence alone does not change it."""
    made = [*seen.deployments, *seen.services, *seen.configs]
    return content_digest([_facts(one) for one in made])


def _facts(made: JsonObject) -> JsonObject:
    metadata = made["metadata"]
    annotations = metadata.get("annotations") or {}
    return {
        "kind": made["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "labels": metadata.get("labels") or {},
        "annotations": {k: v for k, v in annotations.items() if k not in _NOT_BY_HAND},
        "spec": made.get("spec"),
        "data": made.get("data"),
    }
