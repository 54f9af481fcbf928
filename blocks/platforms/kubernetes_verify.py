"""Proving that the approved digests serve, as specified, and go on serving."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import path_of
from blocks.platforms.kubernetes_evidence import of_pod
from blocks.platforms.kubernetes_fields import spec_fields
from blocks.platforms.kubernetes_forward import Answer, http_get
from blocks.platforms.kubernetes_judge import (
    Patience,
    State,
    is_complete,
    problems,
    replicas,
    restarts,
)
from blocks.platforms.kubernetes_observe import is_ready, observation, own, ready_behind, see
from blocks.platforms.kubernetes_owners import other_managers
from blocks.platforms.kubernetes_settle import Place
from blocks.platforms.kubernetes_watch import WATCHED, waking
from slipway.canonical import JsonObject
from slipway.errors import Cause, VerificationFailed
from slipway.plan import difference
from slipway.platform import StepContext
from slipway.release import ReleaseSpec

BAKING_CRASHES = 0
MISSES = 3
EXTRA_SECONDS = 10
ROUTE_SECONDS = 15
ROUTE_PAUSE_SECONDS = 0.2
# Where the pods are looked at more often than this, a watch tells nothing sooner.
WATCHING_SECONDS = 0.25
SLICE_LABEL = "kubernetes.io/service-name"


@dataclass(slots=True)
class Hits:
    """Answers of the pods: how many good ones in a row, how many bad ones."""

    wanted: int
    good: int = 0
    missed: int = 0
    total: int = 0

    def count(self, is_good: bool) -> None:
        self.total += 1
        self.good = self.good + 1 if is_good else 0
        self.missed = 0 if is_good else self.missed + 1


def bake(place: Place, context: StepContext) -> JsonObject:
    """Verify digests, routes and fields, then ask and watch until the bake window is over.

    Raises:
        VerificationFailed: a wrong digest, traffic elsewhere, bad answers, an edit by hand.
        CrashLoop, OutOfMemory, ProbeFailed: a container failed during the window.
    """
    seen, latest = looked_at(place, context, place.spec.health.bake_millis)
    prove_routes(place, latest)
    prove_fields(place)
    return seen


def tried(place: Place, context: StepContext, millis: int, service: str = "") -> JsonObject:
    """Verify digests and routes of the release alone, then ask and watch it for that long.

    Args:
        service: the Service whose traffic must go to the release; the front one where empty.

    Raises:
        VerificationFailed, CrashLoop, OutOfMemory, ProbeFailed: as `bake`, fields aside.
    """
    return looked_at(place, context, millis, service)[0]


def looked_at(
    place: Place, context: StepContext, millis: int, service: str = ""
) -> tuple[JsonObject, State]:
    """As `tried`, and the state after it."""
    state = place.read()
    patience = Patience(BAKING_CRASHES, restarts(state.pods))
    digests = prove_digests(place, state)
    addresses = await_routes(place, context, service)
    hits = answering(place, context, patience, millis / 1000)
    latest = place.read()
    refuse_bad(place, latest, patience)
    return {"digests": digests, "addresses": addresses, "hits": hits.total}, latest


def answering(place: Place, context: StepContext, patience: Patience, window: float) -> Hits:
    """Ask the release's pods in turn, and watch them, until the window of seconds is over.

    Raises:
        VerificationFailed: bad answers. CrashLoop, OutOfMemory, ProbeFailed: a container failed.
    """
    spec, started = place.spec, time.monotonic()
    pause = min(max(window / (spec.health.hits + 1), 0.05), 1.0)
    hits = Hits(spec.health.hits)
    watched = WATCHED if pause >= WATCHING_SECONDS else ()
    with waking(place.cluster, place.namespace, context, watched) as wake:
        while True:
            state = place.read()
            refuse_bad(place, state, patience)
            answer = ask_next(place, state, hits.total)
            hits.count(answer.status in spec.health.expect)
            elapsed = time.monotonic() - started
            if elapsed >= window and hits.good >= hits.wanted:
                return hits
            if hits.missed >= MISSES or elapsed > window + EXTRA_SECONDS:
                raise not_verified(place, state, answer, hits)
            wake.wait(pause)


def refuse_bad(place: Place, state: State, patience: Patience) -> None:
    """Raises what keeps the release from running, and where a rollout is under way again."""
    found = [p for p in problems(state, place.spec.id, patience) if not p.lasting]
    if found:
        raise place.failure(found[0])


def prove_digests(place: Place, state: State) -> dict[str, str]:
    """Digest of each running pod, all of them the approved ones.

    Raises:
        VerificationFailed: one runs another image than approved, or a rollout is not complete.
    """
    for deployment in state.deployments:
        if not is_complete(deployment):
            what = f"{deployment['kind']} {deployment['metadata']['name']}"
            raise VerificationFailed(
                f"{what} is not completely rolled out",
                found=str(deployment.get("status", {}).get("updatedReplicas", 0)) + " updated",
                allowed=f"{replicas(deployment)}, all of them available",
            )
    if place.manifests:
        return prove_images(place.own_pods(state), place.manifests.images)
    approved = {service.name: service.digest for service in place.spec.services}
    proved = {}
    for pod in place.own_pods(state):
        service = str(names.service_of(pod["metadata"]["labels"]))
        name = pod["metadata"]["name"]
        proved[name] = running_digest(pod, service)
        if proved[name] != approved.get(service):
            raise VerificationFailed(
                f"{name} runs another image than approved",
                found=proved[name],
                allowed=approved.get(service, "no pod of that service"),
            )
    return proved


def prove_images(pods: Sequence[JsonObject], approved: Collection[str]) -> dict[str, str]:
    """Digest of each container of each pod, all of them of images that the manifests name. Pure.

    Raises:
        VerificationFailed: one runs another image.
    """
    proved = {}
    for pod in pods:
        for container in pod["spec"]["containers"]:
            name = f"{pod['metadata']['name']}/{container['name']}"
            wanted = str(container["image"]) if container["image"] in approved else "none of these"
            proved[name] = running_digest(pod, container["name"])
            if proved[name] != wanted.partition("@")[2]:
                raise VerificationFailed(
                    f"{name} runs another image than approved",
                    found=proved[name],
                    allowed=", ".join(sorted(approved)),
                )
    return proved


def running_digest(pod: JsonObject, container: str) -> str:
    """The digest that the container runs, without the repository: a node may know it by several."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    image = next((str(s.get("imageID")) for s in statuses if s["name"] == container), "")
    return image.partition("@")[2] or image or "nothing"


def prove_routes(place: Place, state: State, service: str = "") -> list[str]:
    """The pods that get a Service's traffic, the front one's by default: those of the release.

    Raises:
        VerificationFailed: traffic goes elsewhere.
    """
    spec = place.spec
    wanted = sorted(ready_front(place, state))
    labels = names.selector_text({SLICE_LABEL: service or spec.front})
    slices = place.cluster.list("EndpointSlice", place.namespace, labels)
    found = sorted(endpoints(slices))
    if found != wanted:
        raise VerificationFailed(
            f"traffic of {service or spec.target} does not go to release {spec.id} alone",
            found=", ".join(found) or "nowhere",
            allowed=", ".join(wanted) or "no pod of the release is ready",
        )
    return wanted


def await_routes(place: Place, context: StepContext, service: str = "") -> list[str]:
    """As `prove_routes`, once the endpoints have followed the pods.

    Raises:
        VerificationFailed: they did not within ROUTE_SECONDS.
    """
    return once_routed(lambda: prove_routes(place, place.read(), service), context)


def once_routed(prove: Callable[[], list[str]], context: StepContext) -> list[str]:
    """What `prove` says, asked until it raises VerificationFailed no more, or time is over."""
    until = time.monotonic() + ROUTE_SECONDS
    while True:
        context.check()
        try:
            return prove()
        except VerificationFailed:
            if time.monotonic() > until:
                raise
        time.sleep(ROUTE_PAUSE_SECONDS)


def ready_front(place: Place, state: State) -> list[str]:
    """Ready pods of the release behind the front Service, which manifests select as they like."""
    pods = place.own_pods(state)
    if place.manifests is None:
        return front_pods(place.spec, pods)
    front = place.cluster.find(path_of("Service", place.namespace, place.spec.front))
    return [pod["metadata"]["name"] for pod in (ready_behind(front, pods) if front else ())]


def front_pods(spec: ReleaseSpec, pods: Sequence[JsonObject]) -> list[str]:
    """Ready pods of the front service. Pure."""
    return [
        pod["metadata"]["name"]
        for pod in pods
        if is_ready(pod) and names.service_of(pod["metadata"]["labels"]) == spec.front
    ]


def endpoints(slices: Sequence[JsonObject]) -> set[str]:
    """Names of the pods that a Service sends traffic to. Pure."""
    return {
        str((endpoint.get("targetRef") or {}).get("name"))
        for one in slices
        for endpoint in one.get("endpoints") or []
        if (endpoint.get("conditions") or {}).get("ready")
    }


def ask_next(place: Place, state: State, turn: int) -> Answer:
    """One front pod after the other, asked whether it lives and whether it can serve."""
    spec, port = place.spec, place.spec.front_service.port
    pods = sorted(ready_front(place, state))
    if not pods or port is None:
        return Answer(0, "no pod of the release is ready")
    paths = tuple(dict.fromkeys((spec.health.path, spec.health.ready)))
    answers = http_get(place.cluster, place.namespace, pods[turn % len(pods)], port, paths)
    for path, answer in zip(paths, answers, strict=False):
        if answer.status not in spec.health.expect:
            return Answer(answer.status, f"{answer.text} at {path}")
    return answers[-1]


def not_verified(place: Place, state: State, answer: Answer, hits: Hits) -> VerificationFailed:
    spec = place.spec
    pods = place.own_pods(state)
    evidence = of_pod(place.cluster, spec, pods[0]["metadata"]["name"]) if pods else []
    return VerificationFailed(
        f"release {spec.id} does not answer well",
        found=f"{answer}; {hits.good} good in a row of {hits.total}",
        allowed=f"{hits.wanted} in a row with status {' or '.join(map(str, spec.health.expect))}",
        evidence=evidence,
    )


def prove_fields(place: Place) -> None:
    """Raises VerificationFailed where somebody changed the release meanwhile, naming who."""
    spec = place.spec
    seen = own(see(place.cluster, spec.target, place.namespace), spec.id)
    wanted = place.manifests.fields if place.manifests else spec_fields(spec)
    changes = difference(wanted, observation(seen, place.bundles).fields)
    if changes:
        managers = sorted({m for d in seen.deployments for m in other_managers(d)})
        raise VerificationFailed(
            f"release {spec.id} does not run as specified: somebody changed it",
            found="; ".join(str(change) for change in changes[:10]),
            allowed="the release as recorded; fields are managed by "
            + (", ".join([names.MANAGER, *managers])),
            next_step=f"kubectl -n {place.namespace} get deployments -o yaml --show-managed-fields",
            cause=Cause.CONFLICT,
        )
