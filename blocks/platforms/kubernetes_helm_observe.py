"""What runs of a chart: Helm's record of it beside the live objects. The conclusions are pure."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import Cluster, path_of
from blocks.platforms.kubernetes_helm_argv import CHART, chart_id
from blocks.platforms.kubernetes_helm_objects import documents, of_kind, texts
from blocks.platforms.kubernetes_helm_place import owned, pods_of
from blocks.platforms.kubernetes_helm_store import (
    DEPLOYED,
    FAILED,
    Revision,
    deployed,
    identity,
    is_ours,
    revisions,
)
from blocks.platforms.kubernetes_judge import is_complete
from blocks.platforms.kubernetes_observe import Seen, is_ready, revision
from blocks.platforms.kubernetes_scaling import KIND, is_within, targeted
from slipway import chart_values
from slipway.canonical import JsonObject, content_digest
from slipway.platform import Observation
from slipway.release import ReleaseSpec, Target

ABSENT = "(absent)"
Named = Mapping[str, JsonObject]


@dataclass(frozen=True, slots=True)
class Chart:
    """Helm's history of a release, oldest first, and what is live in the namespace.

    Attributes:
        versions: of the secrets whose Secret the pods name.
    """

    history: tuple[Revision, ...]
    deployments: Named
    services: Named
    configs: Named
    sets: tuple[JsonObject, ...]
    pods: tuple[JsonObject, ...]
    versions: Mapping[str, str]
    scalers: tuple[JsonObject, ...] = ()

    @property
    def latest(self) -> Revision:
        """What Helm takes for the present revision."""
        return deployed(self.history) or self.history[-1]

    @property
    def documents(self) -> tuple[JsonObject, ...]:
        return documents(str(self.latest.body.get("manifest", "")))

    @property
    def own_deployments(self) -> list[JsonObject]:
        """The chart's Deployments that are there."""
        wanted = (d["metadata"]["name"] for d in of_kind(self.documents, "Deployment"))
        return [self.deployments[name] for name in wanted if name in self.deployments]


def spec_fields(spec: ReleaseSpec) -> dict[str, str]:
    """The fields that a cluster shows where the specification's chart is installed. Pure."""
    return {
        "namespace": names.namespace_of(spec),
        "chart": chart_id(spec),
        "release": spec.id,
        "helm": DEPLOYED,
        **{f"secrets.{name}": version for name, version in spec.secrets.items()},
        **values_fields(chart_values.filled(spec)),
    }


def values_fields(values: JsonObject | None) -> dict[str, str]:
    """One field for each value; a null is none. Pure."""
    found = chart_values.flat(values, "values") if values else {}
    return {key: text for key, text in found.items() if text != "null"}


def see(cluster: Cluster, target: Target, namespace: str) -> Chart | None:
    """What is there of a chart of ours; None where Slipway has installed none."""
    history = tuple(revisions(cluster, namespace, target.app))
    if not is_ours(history):
        return None
    deployments, services, configs = (
        {made["metadata"]["name"]: made for made in cluster.list(kind, namespace)}
        for kind in ("Deployment", "Service", "ConfigMap")
    )
    sets, pods = (tuple(cluster.list(kind, namespace)) for kind in ("ReplicaSet", "Pod"))
    versions: dict[str, str] = {}
    for name in secret_names(target, deployments.values()):
        found = cluster.find(path_of("Secret", namespace, name)) or {"metadata": {}}
        annotations = found["metadata"].get("annotations") or {}
        versions |= json.loads(annotations.get(names.VERSIONS) or "{}")
    scalers = tuple(cluster.list(KIND, namespace))
    return Chart(history, deployments, services, configs, sets, pods, versions, scalers)


def secret_names(target: Target, deployments: Iterable[JsonObject]) -> list[str]:
    """Secrets of ours that the pods name. Pure."""
    found = {text for made in deployments for text in texts(made["spec"]["template"])}
    return sorted(text for text in found if text.startswith(f"{target.app}-secrets-"))


def observation(chart: Chart, namespace: str) -> Observation:
    """Fields, revision and serving release. Pure.

    Values that people gave are not told: they may hold secrets, as ours never do.
    """
    latest, newest = chart.latest, chart.history[-1]
    own = identity(latest, chart.history)
    state = FAILED if newest.is_pending else newest.status
    fields = {
        "namespace": namespace,
        "chart": latest.labels.get(CHART, ABSENT),
        "release": own or f"revision {latest.number} by hand",
        "helm": state,
        **{f"secrets.{name}": version for name, version in chart.versions.items()},
        **(values_fields(latest.body.get("config")) if own else {}),
        **dict(deviations(chart)),
    }
    seen = Seen(
        tuple(chart.own_deployments),
        tuple(_own(chart, "Service", chart.services)),
        tuple(_own(chart, "ConfigMap", chart.configs)),
        (),
        scalers=chart.scalers,
    )
    facts = {"helm": [newest.number, state], "objects": revision(seen)}
    return Observation(fields=fields, revision=content_digest(facts), serving=serving(chart))


def serving(chart: Chart) -> str | None:
    """The release of the ready pods: of the present templates, else the one before. Pure."""
    own = chart.own_deployments
    if not own or not any(is_ready(pod) for d in own for pod in _pods(chart, d)):
        return None
    present = [pod for d in own for pod in pods_of(d, chart.sets, chart.pods)]
    if all(map(is_complete, own)) or any(map(is_ready, present)):
        return identity(chart.latest, chart.history)
    older = [one for one in chart.history if one.number < chart.latest.number]
    known = (identity(one, chart.history) for one in reversed(older) if one.status != FAILED)
    return next((found for found in known if found), None)


def deviations(chart: Chart) -> Iterator[tuple[str, str]]:
    """Where the live objects are others than Helm's record of them says, by field. Pure."""
    for wanted in of_kind(chart.documents, "Deployment"):
        name = f"Deployment/{wanted['metadata']['name']}"
        live = chart.deployments.get(wanted["metadata"]["name"])
        if live is None:
            yield name, ABSENT
            continue
        yield from ((f"{name}.{key}", text) for key, text in _changed(wanted, live, chart.scalers))
    for kind, live_ones in (("Service", chart.services), ("ConfigMap", chart.configs)):
        for wanted in of_kind(chart.documents, kind):
            name = wanted["metadata"]["name"]
            if name not in live_ones:
                yield f"{kind}/{name}", ABSENT
            elif (live_ones[name].get("data") or {}) != (wanted.get("data") or {}):
                yield f"{kind}/{name}.data", "changed"


def _changed(
    wanted: JsonObject, live: JsonObject, scalers: Sequence[JsonObject]
) -> Iterator[tuple[str, str]]:
    replicas, found = wanted["spec"].get("replicas"), live["spec"]["replicas"]
    scaler = targeted(scalers, "Deployment", live["metadata"]["name"])
    is_own = is_within(live, scaler) if scaler else replicas in (None, found)
    if not is_own:
        yield "replicas", str(found)
    if live["spec"].get("paused"):
        yield "paused", "true"
    before, after = (_images(made) for made in (wanted, live))
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield f"{name}.image", after.get(name, ABSENT)


def _images(deployment: JsonObject) -> dict[str, str]:
    return {c["name"]: c["image"] for c in deployment["spec"]["template"]["spec"]["containers"]}


def _own(chart: Chart, kind: str, live: Named) -> list[JsonObject]:
    wanted = (one["metadata"]["name"] for one in of_kind(chart.documents, kind))
    return [live[name] for name in wanted if name in live]


def _pods(chart: Chart, deployment: JsonObject) -> list[JsonObject]:
    """Pods of all its templates."""
    uids = {one["metadata"]["uid"] for one in owned(deployment, chart.sets)}
    return [
        pod
        for pod in chart.pods
        if any(o.get("uid") in uids for o in pod["metadata"].get("ownerReferences") or [])
    ]
