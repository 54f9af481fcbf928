"""Proving that an installed chart serves the approved digests, and goes on serving them."""

import time

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import Cluster
from blocks.platforms.kubernetes_helm_live import changes
from blocks.platforms.kubernetes_helm_objects import Installed, installed
from blocks.platforms.kubernetes_helm_place import ChartPlace
from blocks.platforms.kubernetes_helm_store import identity, revisions
from blocks.platforms.kubernetes_judge import Patience, State, is_complete, restarts
from blocks.platforms.kubernetes_settle import Place
from blocks.platforms.kubernetes_verify import (
    BAKING_CRASHES,
    EXTRA_SECONDS,
    MISSES,
    SLICE_LABEL,
    Hits,
    ask_next,
    endpoints,
    front_pods,
    not_verified,
    once_routed,
    refuse_bad,
    running_digest,
)
from blocks.platforms.kubernetes_watch import Wake, waking
from slipway.canonical import JsonObject
from slipway.errors import Cause, VerificationFailed
from slipway.platform import StepContext
from slipway.release import ReleaseSpec


def installed_of(cluster: Cluster, spec: ReleaseSpec) -> Installed:
    """What Helm keeps as the manifest of the specification's revision, the newest.

    Raises:
        VerificationFailed: the newest revision is another one.
    """
    history = revisions(cluster, names.namespace_of(spec), spec.target.app)
    newest = history[-1] if history else None
    if newest is None or newest.status != "deployed" or identity(newest, history) != spec.id:
        found = f"{newest.number}, {newest.status}: {newest.description}" if newest else "none"
        raise VerificationFailed(
            f"Helm's newest revision is not release {spec.id}",
            found=found[:300],
            allowed=f"deployed, as slipway release {spec.id}",
            next_step=f"helm history {spec.target.app} --namespace {names.namespace_of(spec)}",
            cause=Cause.CONFLICT,
        )
    return installed(str(newest.body.get("manifest", "")), spec)


def bake(place: ChartPlace, context: StepContext) -> JsonObject:
    """Verify digests, routes and objects, then ask and watch until the bake window is over.

    Raises:
        VerificationFailed: a wrong digest, traffic elsewhere, bad answers, an edit by hand.
        CrashLoop, OutOfMemory, ProbeFailed: a container failed during the window.
    """
    digests = prove_digests(place, place.read())
    routes = await_routes(place, context)
    with waking(place.cluster, place.namespace, context) as wake:
        asked = _asked(place, wake)
    prove_digests(place, place.read())
    prove_routes(place, place.read())
    prove_unchanged(place)
    return {"digests": digests, "addresses": routes, "hits": asked}


def _asked(place: ChartPlace, wake: Wake) -> int:
    """How often the pods were asked until the window was over."""
    spec, started, state = place.spec, time.monotonic(), place.read()
    window = spec.health.bake_millis / 1000
    pause = min(max(window / (spec.health.hits + 1), 0.05), 1.0)
    patience, hits = Patience(BAKING_CRASHES, restarts(state.pods)), Hits(spec.health.hits)
    plain = Place(place.cluster, spec)
    while True:
        refuse_bad(place, state, patience)
        answer = ask_next(plain, state, hits.total)
        hits.count(answer.status in spec.health.expect)
        elapsed = time.monotonic() - started
        if elapsed >= window and hits.good >= hits.wanted:
            return hits.total
        if hits.missed >= MISSES or elapsed > window + EXTRA_SECONDS:
            raise not_verified(place, state, answer, hits)
        wake.wait(pause)
        state = place.read()


def prove_digests(place: ChartPlace, state: State) -> dict[str, str]:
    """Digest of each container of each running pod, all of them the approved ones.

    Raises:
        VerificationFailed: one runs another image, or a rollout is not complete.
    """
    for deployment in state.deployments:
        if not is_complete(deployment):
            raise VerificationFailed(
                f"Deployment {deployment['metadata']['name']} is not completely rolled out",
                found=f"{(deployment.get('status') or {}).get('updatedReplicas', 0)} updated",
                allowed=f"{deployment['spec']['replicas']}, all of them available",
            )
    proved = {}
    for pod in place.own_pods(state):
        for wanted in pod["spec"]["containers"]:
            name = f"{pod['metadata']['name']}/{wanted['name']}"
            approved = _approved(place.spec, wanted)
            proved[name] = running_digest(pod, wanted["name"])
            if proved[name] != approved:
                raise VerificationFailed(
                    f"{name} runs another image than approved", found=proved[name], allowed=approved
                )
    return proved


def _approved(spec: ReleaseSpec, container: JsonObject) -> str:
    """The app's own image by the specification, any other one by the chart's digest."""
    by_name = {service.name: service.digest for service in spec.services}
    return by_name.get(container["name"]) or str(container["image"]).partition("@")[2]


def prove_routes(place: ChartPlace, state: State) -> list[str]:
    """The pods that get the front Service's traffic, exactly those of the release.

    Raises:
        VerificationFailed: traffic goes elsewhere.
    """
    wanted = sorted(front_pods(place.spec, place.own_pods(state)))
    labels = names.selector_text({SLICE_LABEL: place.installed.front})
    found = sorted(endpoints(place.cluster.list("EndpointSlice", place.namespace, labels)))
    if found != wanted or not wanted:
        raise VerificationFailed(
            f"traffic of {place.spec.target} does not go to release {place.spec.id} alone",
            found=", ".join(found) or "nowhere",
            allowed=", ".join(wanted) or "no pod of the release is ready",
        )
    return wanted


def await_routes(place: ChartPlace, context: StepContext) -> list[str]:
    """As `prove_routes`, once the endpoints have followed the pods.

    Raises:
        VerificationFailed: they did not within ROUTE_SECONDS.
    """
    return once_routed(lambda: prove_routes(place, place.read()), context)


def prove_unchanged(place: ChartPlace) -> None:
    """Raises VerificationFailed where somebody changed what the chart set, or ran Helm."""
    made = installed_of(place.cluster, place.spec)
    if found := changes(place.cluster, made.documents, place.namespace):
        raise VerificationFailed(
            f"release {place.spec.id} does not run as its chart says: somebody changed it",
            found="; ".join(found[:10]),
            allowed="what the chart sets",
            next_step=f"helm get manifest {place.spec.target.app} --namespace {place.namespace}",
            cause=Cause.CONFLICT,
        )
