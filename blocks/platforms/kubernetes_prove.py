"""Proving that a release could be carried out now, before anything is changed."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_addresses import certificate_facts
from blocks.platforms.kubernetes_api import (
    APPLY,
    ApiRefused,
    Cluster,
    path_for,
    path_of,
    refusal,
    together,
)
from blocks.platforms.kubernetes_fields import spec_fields
from blocks.platforms.kubernetes_gateway import routes
from blocks.platforms.kubernetes_manifests import Manifests
from blocks.platforms.kubernetes_observe import observation, own, see
from blocks.platforms.kubernetes_owners import (
    conflict,
    described,
    field_conflicts,
    other_managers,
    refuse_conflicts,
    refuse_foreign,
)
from blocks.platforms.kubernetes_resources import resource_of, resources_of
from blocks.platforms.kubernetes_rights import (
    NARROWER,
    VERBS,
    WRITING,
    needed,
    permission_facts,
)
from blocks.platforms.kubernetes_scaling import KIND, autoscalers, only_scale
from blocks.platforms.kubernetes_scaling import refuse_foreign as refuse_foreign_scaling
from blocks.platforms.kubernetes_smoke import smoke_jobs
from blocks.platforms.kubernetes_supporting import (
    config_map,
    ingresses,
    previews,
    services,
    supporting_objects,
)
from blocks.platforms.kubernetes_versions import version_fact
from blocks.platforms.kubernetes_ways import gateway_facts
from blocks.platforms.kubernetes_workload import deployment
from slipway.bundles import Bundles
from slipway.canonical import JsonObject
from slipway.errors import SlipwayError, WayBackMissing
from slipway.manifest_kinds import HOOK_KIND
from slipway.plan import difference
from slipway.release import ReleaseSpec

ProveImage = Callable[[str], str]


def prove(
    cluster: Cluster,
    spec: ReleaseSpec,
    image: ProveImage,
    manifests: Manifests | None = None,
    bundles: Bundles | None = None,
) -> list[str]:
    """Facts that let the release be carried out now.

    Args:
        manifests, bundles: of a release that has some, and their reader.
        image: proves that an image can be pulled; the fact, or raises.

    Raises:
        WayBackMissing: its namespace, config or secrets are gone.
        Refused: a permission is missing, the cluster would refuse an object, or somebody else
            owns one of its fields.
    """
    namespace = names.namespace_of(spec)
    may_write = manifest_facts(cluster, manifests) if manifests else ()
    made = manifests.objects if manifests else every_object(spec, "")
    facts = [
        version_fact(cluster, made),
        *(may_write or permission_facts(cluster, namespace, needed(spec))),
        *gateway_facts(cluster, spec),
    ]
    refuse_without_namespace(cluster, spec)
    return [
        *facts,
        *(image(service.image) for service in spec.services),
        *secret_facts(cluster, spec),
        *certificate_facts(cluster, spec),
        *(dry_run_manifests(cluster, manifests) if manifests else dry_run(cluster, spec)),
        unchanged_fact(cluster, spec, manifests.fields if manifests else None, bundles),
    ]


def refuse_without_namespace(cluster: Cluster, spec: ReleaseSpec) -> None:
    """Raises WayBackMissing where the release's namespace is gone."""
    namespace = names.namespace_of(spec)
    if cluster.find(path_of("Namespace", "", namespace)) is None:
        raise WayBackMissing(
            f"namespace {namespace} of release {spec.id} is gone",
            next_step="make it again, or deploy the release anew",
        )


def not_restorable(spec: ReleaseSpec, error: SlipwayError) -> WayBackMissing:
    """The same error, as one of a way back. Pure."""
    return WayBackMissing(
        f"release {spec.id} could not be restored: {error.message}",
        found=error.found,
        next_step=error.next_step,
        cause=error.cause,
    )


def unchanged_fact(
    cluster: Cluster,
    spec: ReleaseSpec,
    fields: Mapping[str, str] | None = None,
    bundles: Bundles | None = None,
) -> str:
    """Raises FieldConflict where the release runs and somebody added to it or took from it."""
    seen = own(see(cluster, spec.target, names.namespace_of(spec)), spec.id)
    found = observation(seen, bundles)
    if found.serving != spec.id:
        return f"release {spec.id} does not serve now"
    if changes := difference(fields or spec_fields(spec), found.fields):
        managers = sorted({m for made in seen.deployments for m in other_managers(made)})
        raise conflict(
            seen.deployments[0], [f"{' or '.join(managers) or 'unknown'}: {c}" for c in changes]
        )
    return f"release {spec.id} runs as recorded"


def manifest_facts(cluster: Cluster, manifests: Manifests) -> list[str]:
    """As `permission_facts`, also for the kinds that the manifests hold.

    Raises:
        BadInput: the cluster does not know a kind, or it is of the whole cluster.
    """
    kinds = resources_of(cluster, manifests.objects)
    more: dict[tuple[str, str], tuple[str, ...]] = {}
    for kind in kinds:
        more[kind.group, kind.plural] = NARROWER.get(kind.kind, WRITING)
        if kind.kind == "StatefulSet":
            more["", "pods"] = ("get", "delete")
    used = {key: tuple(dict.fromkeys((*VERBS.get(key, ()), *verbs))) for key, verbs in more.items()}
    return permission_facts(cluster, names.namespace_of(manifests.spec), {**VERBS, **used})


def secret_facts(cluster: Cluster, spec: ReleaseSpec) -> Iterator[str]:
    """Raises WayBackMissing where the release's Secret is gone or incomplete."""
    if not spec.secrets:
        return
    name = names.secrets_name(spec)
    found = cluster.find(path_of("Secret", names.namespace_of(spec), name))
    missing = sorted(set(spec.secrets) - set((found or {}).get("data") or {}))
    if missing:
        raise WayBackMissing(
            f"the secrets of release {spec.id} are gone",
            found=f"Secret {name} " + (f"lacks {', '.join(missing)}" if found else "is missing"),
            allowed="every version that the release was verified with",
            next_step="deploy the release again with current secret versions first",
        )
    yield f"Secret {name} is complete"


def every_object(spec: ReleaseSpec, candidate: str) -> list[JsonObject]:
    """All that a release applies, but for namespace, secrets and what is made only once."""
    configs = [config_map(spec, service) for service in spec.services if service.config]
    workloads = [deployment(spec, service, candidate) for service in spec.services]
    applied = [made for made in supporting_objects(spec) if made["kind"] != "ServiceAccount"]
    reached = [*services(spec), *previews(spec), *ingresses(spec), *routes(spec)]
    return [*applied, *configs, *workloads, *autoscalers(spec), *reached, *smoke_jobs(spec)]


def dry_run(cluster: Cluster, spec: ReleaseSpec, *, take_over: bool = False) -> list[str]:
    """Let the server judge every object without keeping it; a Job that is there never changes.

    Raises:
        BadInput: an object is not Slipway's. FieldConflict: somebody else owns a field.
        StepFailed: the server or its admission says no.
    """
    made = every_object(spec, "")
    refuse_foreign_scaling(cluster.list(KIND, names.namespace_of(spec)), made)

    def judged(wanted: JsonObject) -> None:
        path = path_for(wanted)
        if wanted["kind"] != HOOK_KIND or cluster.find(path) is None:
            judge(cluster, spec, wanted, path, take_over=take_over)

    together(partial(judged, wanted) for wanted in made)
    return [f"the cluster accepts all {len(made)} objects of release {spec.id}"]


def dry_run_manifests(
    cluster: Cluster, manifests: Manifests, *, take_over: bool = False
) -> list[str]:
    """As `dry_run`. A hook that has begun is not judged again: a Job is never changed."""
    spec, made = manifests.spec, manifests.objects
    refuse_foreign_scaling(cluster.list(KIND, names.namespace_of(spec)), made)
    for wanted in made:
        resource = resource_of(cluster, wanted)
        path = resource.path(names.namespace_of(spec), wanted["metadata"]["name"])
        if resource.kind != HOOK_KIND or cluster.find(path) is None:
            judge(cluster, spec, wanted, path, take_over=take_over)
    return [f"the cluster accepts all {len(made)} objects of release {spec.id}"]


def judge(
    cluster: Cluster, spec: ReleaseSpec, wanted: JsonObject, path: str, *, take_over: bool
) -> None:
    """Raises what the server, its admission or an owner says against one object."""
    if found := cluster.find(path):
        refuse_foreign(found, wanted, spec.target)
    query: dict[str, str | int] = {"fieldManager": names.MANAGER, "dryRun": "All"}
    if take_over:
        query["force"] = "true"
    try:
        cluster.call("PATCH", path, without_candidate(wanted), APPLY, query)
    except ApiRefused as error:
        if not take_over and only_scale(tuple(field_conflicts(error))):
            judge(cluster, spec, wanted, path, take_over=True)
            return
        refuse_conflicts(error, wanted)
        raise refusal(f"dry run of {described(wanted)}", error) from None


def without_candidate(wanted: JsonObject) -> JsonObject:
    """An owner's own annotation never conflicts; a dry run tells nobody's name."""
    metadata = wanted["metadata"]
    kept = {k: v for k, v in (metadata.get("annotations") or {}).items() if k != names.CANDIDATE}
    return {**wanted, "metadata": {**metadata, "annotations": kept}}
