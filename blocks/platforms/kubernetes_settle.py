"""Waiting until a rollout is complete; failing on the cause, not on the clock."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import Cluster, together
from blocks.platforms.kubernetes_evidence import event_line, of_object, of_pod
from blocks.platforms.kubernetes_judge import (
    Patience,
    State,
    is_complete,
    is_of_job,
    problems,
    progress,
    restarts,
)
from blocks.platforms.kubernetes_manifests import Manifests
from blocks.platforms.kubernetes_observe import is_ready, release_of
from blocks.platforms.kubernetes_problem import Problem
from blocks.platforms.kubernetes_watch import waking
from slipway.bundles import Bundles
from slipway.canonical import JsonObject
from slipway.errors import DeadlineExceeded, ProbeFailed, StepFailed
from slipway.platform import StepContext
from slipway.release import ReleaseSpec

# A start may stumble once, as over a database that comes up later; a second crash is a loop.
STARTING_CRASHES = 1


@dataclass(frozen=True, slots=True)
class Place:
    """A release on its cluster.

    Attributes:
        manifests: of a release that has some.
        bundles: reads them again, as an observation does.
        only: kind and name of the workloads that are looked at, where not all are.
    """

    cluster: Cluster
    spec: ReleaseSpec
    manifests: Manifests | None = None
    bundles: Bundles | None = None
    only: Sequence[tuple[str, str]] | None = None

    @property
    def namespace(self) -> str:
        return names.namespace_of(self.spec)

    @property
    def workloads(self) -> Sequence[tuple[str, str]]:
        """Kind and name of each workload."""
        if self.only is not None:
            return self.only
        if self.manifests:
            return self.manifests.workloads
        return [("Deployment", names.deployment_name(self.spec, s)) for s in self.spec.services]

    def read(self) -> State:
        """The release's workloads and pods as they are now.

        Raises:
            StepFailed: a workload is gone.
        """
        labels, wanted = names.target_selector(self.spec.target), self.workloads
        kinds = {**dict.fromkeys({kind for kind, _ in wanted}, labels), "Pod": labels, "Event": ""}
        read = together(
            partial(self.cluster.list, kind, self.namespace, kinds[kind]) for kind in kinds
        )
        *workloads, pods, events = read
        found = {(m["kind"], m["metadata"]["name"]): m for listed in workloads for m in listed}
        for kind, name in wanted:
            if (kind, name) not in found:
                raise StepFailed(f"{kind} {name} is gone: somebody removed it")
        return State(
            tuple(found[one] for one in wanted),
            tuple(pod for pod in pods if not is_of_job(pod)),
            tuple(events),
        )

    def failure(self, problem: Problem) -> StepFailed:
        """The error, with the last words of the pod that shows it."""
        evidence = of_pod(self.cluster, self.spec, problem.pod) if problem.pod else ()
        return problem.kind(
            problem.message,
            found=problem.found,
            next_step=problem.next_step,
            evidence=evidence,
            cause=problem.cause,
        )

    def own_pods(self, state: State) -> list[JsonObject]:
        """Pods of the release that are not told to end."""
        return [
            pod
            for pod in state.pods
            if release_of(pod) == self.spec.id and not pod["metadata"].get("deletionTimestamp")
        ]


def settle(place: Place, context: StepContext) -> JsonObject:
    """Wait until every replica runs the release and is available, and no other is left.

    The deadline counts from the last progress, as `progressDeadlineSeconds` does.

    Raises:
        ImageMissing, CrashLoop, OutOfMemory, StepFailed: what keeps it from running.
        ProbeFailed, DeadlineExceeded: no progress within the deadline.
    """
    started = time.monotonic()
    state = place.read()
    if not all(map(is_complete, state.deployments)):
        state = _complete(place, state, context)
    return {
        "ready": [pod["metadata"]["name"] for pod in place.own_pods(state) if is_ready(pod)],
        "settled_millis": int((time.monotonic() - started) * 1000),
    }


def _complete(place: Place, state: State, context: StepContext) -> State:
    """The first state that is complete."""
    patience = Patience(STARTING_CRASHES, restarts([p for p in state.pods if is_ready(p)]))
    latest, moved = progress(state), time.monotonic()
    with waking(place.cluster, place.namespace, context) as wake:
        while not all(map(is_complete, state.deployments)):
            now = time.monotonic()
            found = problems(state, place.spec.id, patience)
            if problem := patience.due(found, now):
                raise place.failure(problem)
            if progress(state) != latest:
                latest, moved = progress(state), now
            left = moved + place.spec.health.deadline_seconds - now
            if left <= 0:
                raise out_of_time(place, state, found)
            wake.wait(left)
            state = place.read()
    return state


def out_of_time(place: Place, state: State, found: list[Problem]) -> StepFailed:
    """The error for the one deadline; says what was still missing."""
    if found:
        return place.failure(found[0])
    seconds = place.spec.health.deadline_seconds
    unready = [pod for pod in place.own_pods(state) if not is_ready(pod)]
    unhealthy = [
        event
        for pod in unready
        for event in of_object(state.events, pod["metadata"]["name"])
        if event.get("reason") == "Unhealthy"
    ]
    kind = ProbeFailed if unhealthy else DeadlineExceeded
    waiting = [pod["metadata"]["name"] for pod in unready]
    last = str(unhealthy[-1].get("message")) if unhealthy else "no probe failed"
    evidence = of_pod(place.cluster, place.spec, waiting[0]) if waiting else []
    return kind(
        f"release {place.spec.id} was not ready within {seconds} s (environments.*.health.deadline,"
        " also progressDeadlineSeconds)",
        found=f"{last}; not ready: {', '.join(waiting) or 'no pod was made'}",
        evidence=[*evidence, *(event_line(event) for event in unhealthy[-3:])],
    )
