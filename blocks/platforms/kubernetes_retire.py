"""Removing what no kept release needs. Config and secrets of a rollback target stay."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import Cluster, path_for, path_of, together
from blocks.platforms.kubernetes_fence import FENCED, Writer
from blocks.platforms.kubernetes_manifests import SETTLING, Manifests
from blocks.platforms.kubernetes_observe import is_canary, release_of
from blocks.platforms.kubernetes_records import with_recorded
from blocks.platforms.kubernetes_resources import known
from blocks.platforms.kubernetes_scaling import KIND, autoscale_of
from slipway.canonical import JsonObject
from slipway.manifest_documents import identity
from slipway.release import ReleaseSpec, Target

# What users lose first goes first.
ORDER = (
    *(
        "HTTPRoute",
        "Ingress",
        "Service",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
        "Deployment",
    ),
    *("StatefulSet", "DaemonSet", "CronJob", "Job", "NetworkPolicy", "ConfigMap", "Secret"),
)
CANARIES = ("Service", "Deployment", "NetworkPolicy")
# People's data, and everything else that lives there.
LASTING = ("PersistentVolumeClaim", "Namespace")

Places = list[tuple[str, JsonObject]]
OfReleases = Mapping[str, Manifests]
"""The manifests of releases that have some, by the id of their specification."""


def find_surplus(
    cluster: Cluster,
    target: Target,
    namespace: str,
    keep: Sequence[ReleaseSpec],
    manifests: OfReleases,
) -> Places:
    """Read the cluster and tell what may go, each with its path."""
    labels = names.owned_selector(target)
    kinds = [*FENCED, *(() if keep else ("ServiceAccount",))]
    resources = with_recorded(cluster, target, namespace, kinds)
    listed = together(partial(r.list, cluster, namespace, labels) for r in resources)
    return [
        (resource.path(namespace, made["metadata"]["name"]), made)
        for resource, found in zip(resources, listed, strict=True)
        for made in surplus(found, keep, manifests)
    ]


def surplus(
    found: Iterable[JsonObject], keep: Sequence[ReleaseSpec], manifests: OfReleases
) -> list[JsonObject]:
    """Everything of the target that the serving release does not run, nor a way back needs. Pure.

    Args:
        keep: the serving release first, then those that a rollback would go to.
    """
    kept = needed(keep, manifests)
    return [
        made
        for made in found
        if identity(made) not in kept and made["kind"] not in LASTING and not is_derived(made)
    ]


def find_replaced(cluster: Cluster, spec: ReleaseSpec) -> Places:
    """What of other releases would get traffic, with their paths: workloads, and ways to canaries.

    A release that names its workload otherwise leaves the old one beside it until it is retired.
    """
    namespace, labels = names.namespace_of(spec), names.owned_selector(spec.target)
    front = cluster.find(path_of("Service", namespace, spec.front))
    aside = find_canaries(cluster, spec.target, namespace, ("Service", "NetworkPolicy"))
    aside = [(path, made) for path, made in aside if release_of(made) != spec.id]
    gone = {made["metadata"]["name"] for _, made in aside}
    routes = known("HTTPRoute").list(cluster, namespace, labels) if gone else []
    leading = [(path_for(made), made) for made in routes if gone & set(backends(made))]
    replaced = [
        (resource.path(namespace, made["metadata"]["name"]), made)
        for resource in with_recorded(cluster, spec.target, namespace, ("Deployment",))
        if resource.group == "apps" and resource.kind in SETTLING
        for made in resource.list(cluster, namespace, labels)
        if front and is_replaced(made, front, spec.id)
    ]
    return [*leading, *aside, *replaced]


def find_canaries(
    cluster: Cluster, target: Target, namespace: str, kinds: Sequence[str] = CANARIES
) -> Places:
    """What canaries of the target are made of, with their paths."""
    labels = f"{names.owned_selector(target)},{names.TRACK}={names.CANARY}"
    found = (made for kind in kinds for made in cluster.list(kind, namespace, labels))
    return [(path_for(made), made) for made in found]


def backends(route: JsonObject) -> Iterator[str]:
    """Names of the Services that a route leads to. Pure."""
    for rule in route["spec"].get("rules") or []:
        yield from (str(one.get("name")) for one in rule.get("backendRefs") or [])


def is_replaced(workload: JsonObject, front: JsonObject, release: str) -> bool:
    """Whether a workload is of another release, and its pods are behind the Service. Pure.

    A canary counts as well where its own service is not the front one.
    """
    labels = workload["spec"]["template"]["metadata"].get("labels") or {}
    selector = front["spec"].get("selector") or {}
    is_behind = bool(selector) and selector.items() <= labels.items()
    return (is_behind or is_canary(workload)) and release_of(workload) != release


def is_derived(made: JsonObject) -> bool:
    """Whether a controller made it for another object, whose labels it copied. Pure."""
    return any(owner.get("controller") for owner in made["metadata"].get("ownerReferences") or [])


def needed(keep: Sequence[ReleaseSpec], manifests: OfReleases) -> set[tuple[str, str, str]]:
    """Group, kind and name of what must stay. Pure."""
    kept: set[tuple[str, str, str]] = set()
    for number, spec in enumerate(keep):
        kept |= {(known(kind).group, kind, name) for kind, name in _versions(spec)}
        own = manifests.get(spec.id)
        if own is None:
            made = _generated(spec, serves=number == 0)
            kept |= {(known(kind).group, kind, name) for kind, name in made}
        else:
            kept |= own.identities if number == 0 else own.hooks
    return kept


def _versions(spec: ReleaseSpec) -> Iterator[tuple[str, str]]:
    """What a release finds again by its content, and its account."""
    yield "ServiceAccount", names.account_of(spec)
    yield "ConfigMap", names.record_name(spec)
    yield from (("ConfigMap", names.config_name(s)) for s in spec.services if s.config)
    if spec.secrets:
        yield "Secret", names.secrets_name(spec)


def _generated(spec: ReleaseSpec, *, serves: bool) -> Iterator[tuple[str, str]]:
    """What stands for a release whose objects are generated: all of it, or its warm colour."""
    if serves or spec.strategy == names.BLUE_GREEN:
        every = [names.deployment_name(spec, s) for s in spec.services]
        yield from (("Deployment", name) for name in every)
        yield from ((KIND, name) for name in every if autoscale_of(spec))
    if serves and spec.kubernetes and spec.kubernetes.ingress:
        yield "Ingress", spec.front
    if serves and spec.kubernetes and spec.kubernetes.gateway:
        yield "HTTPRoute", spec.front
    if serves and spec.kubernetes and spec.kubernetes.smoke:
        yield "Job", names.smoke_name(spec)
    for service in spec.services if serves else ():
        yield "NetworkPolicy", service.name
        if service.port:
            yield "Service", service.name
        if service.replicas > 1:
            yield "PodDisruptionBudget", service.name
    if serves and names.has_preview(spec):
        yield "Service", names.preview_name(spec)


def remove(writer: Writer, found: Places) -> list[str]:
    """Remove the objects; the names of what went."""
    ranked = sorted(found, key=lambda place: (rank(place[1]), place[1]["metadata"]["name"]))
    return [
        f"{made['kind']}/{made['metadata']['name']}"
        for path, made in ranked
        if writer.delete(made["kind"], made["metadata"]["name"], path)
    ]


def rank(made: JsonObject) -> int:
    """Records of releases go last: while they are there, so are the kinds that they name."""
    if names.RECORD in (made["metadata"].get("labels") or {}):
        return len(ORDER) + 1
    return ORDER.index(made["kind"]) if made["kind"] in ORDER else len(ORDER)
