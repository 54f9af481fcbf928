"""What is kept of a failed release before its pods disappear. Holds no secret."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import replace

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import ApiRefused, Cluster, path_of
from blocks.platforms.kubernetes_observe import release_of
from blocks.platforms.redaction import MASK, redact
from slipway.canonical import JsonObject
from slipway.errors import Unreachable
from slipway.platform import Evidence
from slipway.release import ReleaseSpec

TAIL = 100
# Logs come from the pod's node, which may be what failed.
LOG_SECONDS = 5.0


def gather(cluster: Cluster, spec: ReleaseSpec) -> list[Evidence]:
    """Logs, logs before the last restart, description and events of the release."""
    namespace, secrets = names.namespace_of(spec), secret_values(cluster, spec)
    labels = names.target_selector(spec.target)
    pods = [p for p in cluster.list("Pod", namespace, labels) if release_of(p) == spec.id]
    pieces = []
    for pod in pods:
        name = pod["metadata"]["name"]
        pieces.append(Evidence(f"{name} logs", redact(logs(cluster, namespace, name), secrets)))
        if was_restarted(pod):
            former = redact(logs(cluster, namespace, name, previous=True), secrets)
            pieces.append(Evidence(f"{name} logs before", former))
        pieces.append(Evidence(f"{name} description", redact(describe(pod), secrets)))
    for deployment in cluster.list("Deployment", namespace, labels):
        if release_of(deployment) == spec.id:
            name = deployment["metadata"]["name"]
            lines = redact(conditions(deployment), secrets)
            pieces.append(Evidence(f"Deployment {name}", lines))
    lines = [event_line(event) for event in in_order(cluster.list("Event", namespace))]
    return [*pieces, Evidence("events", redact(lines[-TAIL:], secrets))]


def of_pod(cluster: Cluster, spec: ReleaseSpec, name: str) -> list[str]:
    """The last log lines and events of one pod, for an error; none where the cluster is silent."""
    namespace = names.namespace_of(spec)
    lines = logs(cluster, namespace, name, 20)
    if not lines:
        lines = logs(cluster, namespace, name, 20, previous=True)
    try:
        events = of_object(cluster.list("Event", namespace), name)
        return redact([*lines, *map(event_line, events[-5:])], secret_values(cluster, spec))
    except (ApiRefused, Unreachable):
        return []


def of_object(events: Iterable[JsonObject], name: str) -> list[JsonObject]:
    """Events of the object of that name, oldest first. Pure."""
    own = (e for e in events if (e.get("involvedObject") or {}).get("name") == name)
    return in_order(own)


def in_order(events: Iterable[JsonObject]) -> list[JsonObject]:
    return sorted(events, key=moment)


def moment(event: JsonObject) -> str:
    """When it was seen last."""
    seen = event.get("lastTimestamp") or event.get("eventTime")
    return str(seen or event["metadata"].get("creationTimestamp", ""))


def event_line(event: JsonObject) -> str:
    """One event as a line: time, what it is about, reason, message. Pure."""
    about = event.get("involvedObject") or {}
    count = f" ({event['count']} times)" if (event.get("count") or 1) > 1 else ""
    what = f"{about.get('kind', '?')}/{about.get('name', '?')}"
    return f"{moment(event)} {what} {event.get('reason')}: {event.get('message', '')}{count}"


def logs(
    cluster: Cluster, namespace: str, pod: str, lines: int = TAIL, *, previous: bool = False
) -> list[str]:
    """The last lines that the pod wrote; none where the cluster has none."""
    query: dict[str, str | int] = {"tailLines": lines, "previous": str(previous).lower()}
    path = path_of("Pod", namespace, f"{pod}/log")
    hasty = replace(cluster, patience=0, seconds=LOG_SECONDS)
    try:
        return hasty.text("GET", path, query=query).splitlines()
    except (ApiRefused, Unreachable):
        return []


def was_restarted(pod: JsonObject) -> bool:
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return any(status.get("restartCount", 0) for status in statuses)


def describe(pod: JsonObject) -> list[str]:
    """What matters of a pod, as `kubectl describe` has it; variables are masked. Pure."""
    spec, status = pod["spec"], pod.get("status") or {}
    lines = [
        f"node: {spec.get('nodeName', 'none')}",
        f"phase: {status.get('phase')} {status.get('reason') or ''}".rstrip(),
        f"service account: {spec.get('serviceAccountName')}",
        *conditions(pod),
    ]
    for container in spec["containers"]:
        lines.append(f"container {container['name']}: image {container['image']}")
        lines.append(f"container {container['name']}: resources {container.get('resources')}")
        lines += [f"env {entry['name']}={MASK}" for entry in container.get("env") or []]
    for found in status.get("containerStatuses") or []:
        lines.append(f"container {found['name']}: image id {found.get('imageID')}")
        lines.append(f"container {found['name']}: restarts {found.get('restartCount')}")
        lines.append(f"container {found['name']}: state {found.get('state')}")
        lines.append(f"container {found['name']}: last state {found.get('lastState')}")
    return lines


def conditions(made: JsonObject) -> list[str]:
    """The conditions of a pod or Deployment, one a line. Pure."""
    return [
        f"condition {c['type']}={c['status']} {c.get('reason', '')} {c.get('message', '')}".rstrip()
        for c in (made.get("status") or {}).get("conditions") or []
    ]


def secret_values(cluster: Cluster, spec: ReleaseSpec) -> Sequence[str]:
    """Values that the release's Secret holds, to be masked in log lines."""
    if not spec.secrets:
        return []
    path = path_of("Secret", names.namespace_of(spec), names.secrets_name(spec))
    data = (cluster.find(path) or {}).get("data") or {}
    return [base64.b64decode(value).decode(errors="replace") for value in data.values()]
