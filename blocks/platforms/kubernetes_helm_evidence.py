"""What is kept of a chart's failed release before its pods disappear. Holds no secret."""

from collections.abc import Sequence

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import Cluster
from blocks.platforms.kubernetes_evidence import (
    TAIL,
    conditions,
    describe,
    event_line,
    in_order,
    logs,
    secret_values,
    was_restarted,
)
from blocks.platforms.kubernetes_helm_argv import release_name
from blocks.platforms.kubernetes_helm_hooks import failed
from blocks.platforms.kubernetes_helm_objects import documents, of_kind
from blocks.platforms.kubernetes_helm_place import pods_of
from blocks.platforms.kubernetes_helm_store import Revision, revisions
from blocks.platforms.redaction import redact
from slipway.canonical import JsonObject
from slipway.platform import Evidence
from slipway.release import ReleaseSpec


def gather(cluster: Cluster, spec: ReleaseSpec) -> list[Evidence]:
    """Helm's history, logs and description of the newest revision's pods, events."""
    place, secrets = names.namespace_of(spec), secret_values(cluster, spec)
    history = revisions(cluster, place, release_name(spec))
    pieces = [Evidence("helm history", redact(list(map(line, history)), secrets))]
    sets, pods = cluster.list("ReplicaSet", place), cluster.list("Pod", place)
    for deployment in _deployments(cluster, place, history):
        name = deployment["metadata"]["name"]
        pieces.append(Evidence(f"Deployment {name}", redact(conditions(deployment), secrets)))
        for pod in pods_of(deployment, sets, pods):
            pieces += _of_pod(cluster, place, pod, secrets)
    pieces += [piece for _, piece in failed(cluster, spec)]
    events = [event_line(event) for event in in_order(cluster.list("Event", place))]
    return [*pieces, Evidence("events", redact(events[-TAIL:], secrets))]


def line(revision: Revision) -> str:
    """A revision as `helm history` shows it. Pure."""
    return f"revision {revision.number} {revision.status}: {revision.description}"


def _deployments(cluster: Cluster, place: str, history: list[Revision]) -> list[JsonObject]:
    manifest = str(history[-1].body.get("manifest", "")) if history else ""
    wanted = {d["metadata"]["name"] for d in of_kind(documents(manifest), "Deployment")}
    return [d for d in cluster.list("Deployment", place) if d["metadata"]["name"] in wanted]


def _of_pod(
    cluster: Cluster, place: str, pod: JsonObject, secrets: Sequence[str]
) -> list[Evidence]:
    name = pod["metadata"]["name"]
    pieces = [Evidence(f"{name} logs", redact(logs(cluster, place, name), secrets))]
    if was_restarted(pod):
        former = redact(logs(cluster, place, name, previous=True), secrets)
        pieces.append(Evidence(f"{name} logs before", former))
    return [*pieces, Evidence(f"{name} description", redact(describe(pod), secrets))]
