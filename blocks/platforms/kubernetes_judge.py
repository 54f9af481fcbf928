"""Whether a rollout is complete, on its way, or has failed and why. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_evidence import moment
from blocks.platforms.kubernetes_observe import release_of
from blocks.platforms.kubernetes_problem import Problem, unmounted, unschedulable, untaken
from slipway.canonical import JsonObject
from slipway.errors import Cause, CrashLoop, ImageMissing, OutOfMemory, ProbeFailed, StepFailed

PULLING = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
FINAL_PULL = ("not found", "unauthorized", "denied", "forbidden", "manifest unknown", "invalid")
UNSTARTED = ("CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun")
COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
NODE_COUNTS = ("currentNumberScheduled", "updatedNumberScheduled", "numberReady", "numberAvailable")


@dataclass(frozen=True, slots=True)
class State:
    """What was read at one moment: the release's workloads and pods, events of the namespace."""

    deployments: tuple[JsonObject, ...]
    pods: tuple[JsonObject, ...]
    events: tuple[JsonObject, ...]


@dataclass(slots=True)
class Patience:
    """How many crashes a container may have, on top of those counted before we looked."""

    crashes: int
    before: dict[str, int] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)

    def due(self, problems: Sequence[Problem], now: float) -> Problem | None:
        """The first problem that counts by now."""
        seen = {problem.message for problem in problems}
        self.since = {m: self.since.get(m, now) for m in seen}
        for problem in problems:
            if not problem.lasting or now - self.since[problem.message] >= problem.after:
                return problem
        return None


def is_complete(workload: JsonObject) -> bool:
    """Whether every replica is of the present template and available, and no other is left."""
    status = workload.get("status") or {}
    if status.get("observedGeneration", 0) < workload["metadata"]["generation"]:
        return False
    if workload.get("kind") == "DaemonSet":
        counts, wanted = NODE_COUNTS, status.get("desiredNumberScheduled", 0)
    else:
        counts, wanted = COUNTS, replicas(workload)
    if status.get("currentRevision") != status.get("updateRevision"):
        return False
    return all(status.get(count, 0) == wanted for count in counts)


def replicas(workload: JsonObject) -> int:
    """How many pods it should have; of a DaemonSet, one on each node that takes it."""
    status = workload.get("status") or {}
    return int(workload["spec"].get("replicas", status.get("desiredNumberScheduled", 0)))


def is_of_job(pod: JsonObject) -> bool:
    """Whether the pod runs once and ends, as those of hooks and CronJobs do."""
    owners = pod["metadata"].get("ownerReferences") or []
    return any(owner.get("kind") == "Job" for owner in owners)


def progress(state: State) -> tuple[object, ...]:
    """Changes whenever a rollout came a step further."""
    counts = (*COUNTS, *NODE_COUNTS)
    return tuple(
        (d.get("status") or {}).get(count, 0) for d in state.deployments for count in counts
    )


def problems(state: State, spec_id: str, patience: Patience) -> list[Problem]:
    """Everything that keeps the release from running, worst first."""
    found: list[Problem] = []
    for pod in state.pods:
        if release_of(pod) == spec_id and not pod["metadata"].get("deletionTimestamp"):
            found += pod_problems(pod, state.events, patience)
    for deployment in state.deployments:
        found += deployment_problems(deployment)
        found += unmade(deployment, state.pods, state.events)
    return found


def unmade(
    workload: JsonObject, pods: Sequence[JsonObject], events: Sequence[JsonObject]
) -> Iterator[Problem]:
    """Why a StatefulSet or DaemonSet makes no pod: only events tell, and they stay afterwards.

    So one counts that is newer than our last change of the workload and than its latest pod.
    """
    kind, name = workload.get("kind"), workload["metadata"]["name"]
    if kind not in ("StatefulSet", "DaemonSet") or is_complete(workload):
        return
    entries = workload["metadata"].get("managedFields") or []
    times = [str(e.get("time", "")) for e in entries if e.get("manager") == names.MANAGER]
    own = (pod["metadata"] for pod in pods if is_made_by(pod, str(kind), name))
    since = max([*times, *(str(made.get("creationTimestamp", "")) for made in own)], default="")
    about = {"kind": kind, "name": name}
    for event in events:
        is_own = about.items() <= (event.get("involvedObject") or {}).items()
        if is_own and event.get("reason") == "FailedCreate" and moment(event) > since:
            text = str(event.get("message", ""))
            message = f"no pod of {name} could be made: {refused_by(text)}"
            yield Problem(StepFailed, message, text, cause_of_refusal(text), lasting=True)


def is_made_by(pod: JsonObject, kind: str, name: str) -> bool:
    """Whether that workload made the pod."""
    owners = pod["metadata"].get("ownerReferences") or []
    return any((owner.get("kind"), owner.get("name")) == (kind, name) for owner in owners)


def deployment_problems(deployment: JsonObject) -> Iterator[Problem]:
    name = deployment["metadata"]["name"]
    if deployment["spec"].get("paused"):
        message = f"Deployment {name} is paused: somebody stopped its rollout"
        yield Problem(StepFailed, message, "spec.paused: true", Cause.CONFLICT)
    for condition in (deployment.get("status") or {}).get("conditions") or []:
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            text = str(condition.get("message", ""))
            message = f"no pod of {name} could be made: {refused_by(text)}"
            yield Problem(StepFailed, message, text, cause_of_refusal(text), lasting=True)


def refused_by(text: str) -> str:
    return {
        Cause.QUOTA: "the namespace's quota is used up",
        Cause.POLICY: "admission denied it",
        Cause.PERMISSION: "the cluster denied it",
    }[cause_of_refusal(text)]


def cause_of_refusal(text: str) -> Cause:
    if "exceeded quota" in text:
        return Cause.QUOTA
    words = ("violates PodSecurity", "admission webhook", "ValidatingAdmissionPolicy", "denied")
    if any(word in text for word in words) or "maximum" in text or "minimum" in text:
        return Cause.POLICY
    return Cause.PERMISSION


def pod_problems(
    pod: JsonObject, events: Sequence[JsonObject], patience: Patience
) -> Iterator[Problem]:
    name = pod["metadata"]["name"]
    own = [event for event in events if (event.get("involvedObject") or {}).get("name") == name]
    status = pod.get("status") or {}
    for condition in status.get("conditions") or []:
        is_stuck = (
            condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable"
        )
        if is_stuck and not any(event.get("reason") == "TriggeredScaleUp" for event in own):
            yield unschedulable(pod, str(condition.get("message", "")))
    yield from untaken(pod)
    yield from unmounted(pod, own)
    starting = [s for s in status.get("initContainerStatuses") or [] if not has_finished(s)]
    for container in (*starting, *(status.get("containerStatuses") or [])):
        yield from container_problems(pod, container, own, patience)


def has_finished(container: JsonObject) -> bool:
    """Whether an init container has done its work."""
    ended = (container.get("state") or {}).get("terminated") or {}
    return ended.get("exitCode") == 0


def container_problems(
    pod: JsonObject, container: JsonObject, events: Sequence[JsonObject], patience: Patience
) -> Iterator[Problem]:
    name, who = pod["metadata"]["name"], f"{container['name']} ({pod['metadata']['name']})"
    waiting = (container.get("state") or {}).get("waiting") or {}
    reason, text = str(waiting.get("reason", "")), str(waiting.get("message", ""))
    if reason in PULLING:
        is_final = reason != "ErrImagePull" or any(word in text.lower() for word in FINAL_PULL)
        message = f"the image of {who} cannot be pulled"
        detail = pull_detail(text, events)
        yield Problem(ImageMissing, message, detail, lasting=not is_final, pod=name)
    elif reason == "CreateContainerConfigError":
        cause = Cause.SECRET if "secret" in text.lower() else Cause.INPUT
        yield Problem(StepFailed, f"{who} cannot be set up", text, cause, lasting=True, pod=name)
    elif reason in UNSTARTED:
        yield Problem(CrashLoop, f"{who} cannot start", text, pod=name)
    else:
        yield from crashes(who, pod, container, events, patience)


def pull_detail(text: str, events: Sequence[JsonObject]) -> str:
    """The registry's words: a back-off's own message says less than the failure before it."""
    failed = [str(e.get("message")) for e in events if e.get("reason") == "Failed"]
    return next((line for line in failed if "Failed to pull" in line), text)[:400]


def crashes(
    who: str,
    pod: JsonObject,
    container: JsonObject,
    events: Sequence[JsonObject],
    patience: Patience,
) -> Iterator[Problem]:
    key, state = f"{pod['metadata']['uid']}/{container['name']}", container.get("state") or {}
    waiting = (state.get("waiting") or {}).get("reason") == "CrashLoopBackOff"
    last = (container.get("lastState") or {}).get("terminated") or {}
    ended = state.get("terminated") or last
    count = int(container.get("restartCount", 0)) - patience.before.get(key, 0)
    # A container that lies ended has crashed once more than it was started again.
    count += 1 if waiting or "terminated" in state else 0
    if not ended:
        return
    if ended.get("reason") == "OOMKilled":
        limit = memory_limit(pod, container["name"])
        message = f"{who} ran out of its {limit} of memory"
        yield Problem(OutOfMemory, message, f"{count} restarts", pod=pod["metadata"]["name"])
    elif count > patience.crashes:
        yield crash(who, pod, ended, count, events)


def crash(
    who: str, pod: JsonObject, ended: JsonObject, count: int, events: Sequence[JsonObject]
) -> Problem:
    name, text = pod["metadata"]["name"], f"{count} crashes, {ended.get('reason', 'ended')}"
    killed = [str(e.get("message")) for e in events if e.get("reason") == "Killing"]
    if probe := next((line for line in killed if "probe" in line), None):
        return Problem(ProbeFailed, f"{who} became unhealthy: its own probe fails", probe, pod=name)
    message = f"{who} crashed with exit code {ended.get('exitCode')}"
    return Problem(CrashLoop, message, text, pod=name)


def memory_limit(pod: JsonObject, container: str) -> str:
    limits: Mapping[str, str] = next(
        (
            (c.get("resources") or {}).get("limits") or {}
            for c in pod["spec"]["containers"]
            if c["name"] == container
        ),
        {},
    )
    amount = str(limits.get("memory", "limit"))
    return f"{int(amount) // 2**20} MiB" if amount.isdecimal() else amount


def restarts(pods: Sequence[JsonObject]) -> dict[str, int]:
    """Restarts of each container so far, by the key that Patience uses."""
    return {
        f"{pod['metadata']['uid']}/{c['name']}": int(c.get("restartCount", 0))
        for pod in pods
        for c in (pod.get("status") or {}).get("containerStatuses") or []
    }
