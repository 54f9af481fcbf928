"""What runs on the cluster for one target, read from the API server. The conclusions are pure."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import Cluster, together
from blocks.platforms.kubernetes_fields import observed_fields, with_objects
from blocks.platforms.kubernetes_gateway import leading_past
from blocks.platforms.kubernetes_manifest_fields import fields_of
from blocks.platforms.kubernetes_manifests import SETTLING, manifests_of
from blocks.platforms.kubernetes_records import Recorded, every, recorded
from blocks.platforms.kubernetes_resources import known
from blocks.platforms.kubernetes_scaling import KIND, without_scale
from slipway.bundles import Bundles
from slipway.canonical import JsonObject, content_digest
from slipway.errors import BadInput, LedgerTampered, WayBackMissing
from slipway.platform import Observation
from slipway.release import ReleaseSpec, Target

# What the control plane or a fence writes by itself.
_NOT_BY_HAND = (names.CLAIM, "deployment.kubernetes.io/revision")


@dataclass(frozen=True, slots=True)
class Seen:
    """The objects of one target, each list in order of names.

    Attributes:
        deployments: and the other workloads of releases with manifests.
        applied: what such releases applied, by group, kind and name.
        scalers: autoscalers in the namespace, whoever made them.
    """

    deployments: tuple[JsonObject, ...]
    services: tuple[JsonObject, ...]
    configs: tuple[JsonObject, ...]
    pods: tuple[JsonObject, ...]
    applied: Mapping[tuple[str, str, str], JsonObject] = field(default_factory=dict)
    scalers: tuple[JsonObject, ...] = ()
    ingresses: tuple[JsonObject, ...] = ()
    routes: tuple[JsonObject, ...] = ()

    @property
    def records(self) -> list[Recorded]:
        """What releases with manifests left about themselves."""
        return recorded(self.configs)


def see(cluster: Cluster, target: Target, namespace: str) -> Seen:
    """Read everything of the target but its secrets."""
    labels = names.target_selector(target)
    kinds = dict.fromkeys(("Deployment", "Service", "ConfigMap", "Pod"), labels)
    every_kind = {**kinds, KIND: "", "Ingress": names.owned_selector(target)}
    listed = together(
        partial(cluster.list, kind, namespace, selector) for kind, selector in every_kind.items()
    )
    deployments, services, configs, pods, scalers, ingresses = map(tuple, listed)
    routes = tuple(known("HTTPRoute").list(cluster, namespace, names.owned_selector(target)))
    seen = Seen(deployments, services, configs, pods, {}, scalers, ingresses, routes)
    return with_applied(cluster, seen, target, namespace) if seen.records else seen


def with_applied(cluster: Cluster, seen: Seen, target: Target, namespace: str) -> Seen:
    """With the objects of all kinds that releases with manifests applied."""
    labels, applied = names.owned_selector(target), {}
    for resource in every((), seen.records):
        for made in resource.list(cluster, namespace, labels):
            applied[resource.group, resource.kind, made["metadata"]["name"]] = made
    for config in seen.configs:
        applied["", "ConfigMap", config["metadata"]["name"]] = config
    others = [applied[key] for key in sorted(applied) if key[1] in SETTLING[1:]]
    return replace(seen, deployments=(*seen.deployments, *others), applied=applied)


def own(seen: Seen, release: str) -> Seen:
    """Without what stands beside the release: it goes once this one counts as good. Pure."""
    deployments = (d for d in seen.deployments if release_of(d) == release and not is_canary(d))
    services = (s for s in seen.services if not (is_preview(s) or is_canary(s)))
    canaries = {s["metadata"]["name"] for s in seen.services if is_canary(s)}
    routes = tuple(leading_past(route, canaries) for route in seen.routes)
    return replace(seen, deployments=tuple(deployments), services=tuple(services), routes=routes)


def observation(seen: Seen, bundles: Bundles | None = None) -> Observation:
    """Fields, revision and serving release.

    Args:
        bundles: reads the manifests of a release that has some.
    """
    serving = serving_id(seen)
    if spec := next((one.spec for one in seen.records if one.spec.id == serving), None):
        fields = applied_fields(seen, spec, bundles)
        return Observation(fields=fields, revision=applied_revision(seen, fields), serving=serving)
    deployments = of_release(seen.deployments, serving) if serving else []
    fields = observed_fields(
        deployments,
        {service["metadata"]["name"]: service for service in seen.services},
        {config["metadata"]["name"]: config for config in seen.configs},
        running_digests(seen.pods, serving),
    )
    fields = with_objects(fields, deployments, seen.scalers, seen.ingresses, seen.routes)
    fields |= beside(seen, serving) if serving else {}
    return Observation(fields=fields, revision=revision(seen), serving=serving)


def beside(seen: Seen, serving: str) -> dict[str, str]:
    """Canaries that stand, and a preview that shows another release than serves. Pure.

    No release that is settled has such a field, so a drift watch tells of what was left.
    """
    fields = {
        f"{made['metadata']['labels'].get(names.SERVICE)}.canary": f"release {release_of(made)}"
        for made in (*seen.services, *seen.deployments)
        if is_canary(made)
    }
    for made in filter(is_preview, seen.services):
        shown = (made["spec"].get("selector") or {}).get(names.RELEASE, "any")
        if shown != serving:
            fields["preview"] = f"release {shown}"
    return fields


def applied_fields(seen: Seen, spec: ReleaseSpec, bundles: Bundles | None) -> dict[str, str]:
    """Fields of a release with manifests, on all that they say; what is gone tells nothing."""
    try:
        manifests = manifests_of(spec, bundles)
    except (BadInput, WayBackMissing, LedgerTampered) as error:
        return {"manifests": f"unknown: {error.message}"}
    fields: dict[str, str] = {}
    for made in seen.applied.values():
        if release_of(made) == spec.id:
            fields |= settings(made)
    objects = manifests.objects if manifests else []
    return fields | fields_of(spec, objects, seen.applied)


def applied_revision(seen: Seen, fields: Mapping[str, str]) -> str:
    """A digest over what a person could change in a release with manifests. Pure."""
    made = [
        [*key, str(one["metadata"].get("uid")), release_of(one)]
        for key, one in sorted(seen.applied.items())
    ]
    return content_digest([dict(fields), made])


def of_release(deployments: Sequence[JsonObject], serving: str) -> list[JsonObject]:
    """The stable set of what serves: the one colour, or what was changed in place. Pure."""
    return [
        deployment
        for deployment in deployments
        if not is_canary(deployment)
        if names.RELEASE not in deployment["spec"]["selector"]["matchLabels"]
        or release_of(deployment) == serving
    ]


def is_canary(made: JsonObject) -> bool:
    """Whether the workload or pod takes a share of the traffic beside the stable set. Pure."""
    return (made["metadata"].get("labels") or {}).get(names.TRACK) == names.CANARY


def is_preview(made: JsonObject) -> bool:
    """Whether the Service leads to one release, wherever the traffic goes. Pure."""
    return (made["metadata"].get("labels") or {}).get(names.TRACK) == names.PREVIEW


def serving_id(seen: Seen) -> str | None:
    """The release of the ready pods behind the front Service; the most where several are. Pure.

    A canary's count only where no pod of a stable set is ready.
    """
    front = front_service(seen)
    if front is None:
        return None
    ready = ready_behind(front, seen.pods)
    stable = [pod for pod in ready if not is_canary(pod)]
    behind = Counter(release_of(pod) for pod in stable or ready)
    return max(sorted(behind), key=lambda release: behind[release]) if behind else None


def front_service(seen: Seen) -> JsonObject | None:
    """The Service that users reach, as the workloads tell. Pure."""
    fronts = {settings(deployment).get("front") for deployment in seen.deployments}
    return next((s for s in seen.services if s["metadata"]["name"] in fronts), None)


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
        service = str(names.service_of(pod["metadata"]["labels"]))
        for status in (pod.get("status") or {}).get("containerStatuses") or []:
            if digest := str(status.get("imageID") or "").partition("@")[2]:
                found.setdefault(service, set()).add(digest)
    return found


def revision(seen: Seen) -> str:
    """A digest over everything that a person could change; no fence and no autoscaler does."""
    deployments = [without_scale(one, seen.scalers) for one in seen.deployments]
    made = [*deployments, *seen.services, *seen.configs]
    beside = [
        [one["kind"], one["metadata"]["uid"], one.get("spec")]
        for one in (*seen.scalers, *seen.ingresses, *seen.routes)
    ]
    return content_digest([*(_facts(one) for one in made), *beside])


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
