"""What keeps a pod from starting at all: nobody takes it, or what it needs is missing. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from blocks.platforms import kubernetes_names as names
from slipway.canonical import JsonObject
from slipway.errors import Cause, StepFailed

# Seconds that these may last: a node, a quota or an admission webhook may come round.
LASTING_SECONDS = 5.0
# A busy node takes a pod up late.
UNTAKEN_SECONDS = 20.0
SECRET_WORDS = ('secret "', "secret key")
STARTING = ("ContainerCreating", "PodInitializing")
# What comes next where the cause alone tells it; else the release's own records do.
NEXT = {
    Cause.IMAGE: "see that the registry has the digest and lets the pods' account pull it, "
    "then integrate or deploy again",
    Cause.MEMORY: "raise images.*.resources.memory in slipway.yaml, or mend the leak",
    Cause.QUOTA: "give room, or lower images.*.resources in slipway.yaml",
    Cause.POLICY: "satisfy the cluster's admission policy, or change it",
    Cause.CONFLICT: "ask who paused it; kubectl rollout resume; then deploy again",
    Cause.SECRET: "see who removed it, then deploy the same candidate again",
    Cause.INPUT: "see who removed it, then deploy the same candidate again",
    Cause.NETWORK: "kubectl get nodes; then docs/runbooks/node-lost.md",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a rollout cannot go on.

    Attributes:
        lasting: counts only once it was there for `after` seconds.
        pod: the pod that shows it, or empty.
    """

    kind: type[StepFailed]
    message: str
    found: str
    cause: Cause | None = None
    lasting: bool = False
    pod: str = ""
    after: float = LASTING_SECONDS

    @property
    def next_step(self) -> str | None:
        """What an operator does, where the cause tells it."""
        return NEXT.get(self.cause or self.kind.default_cause)


def unschedulable(pod: JsonObject, text: str) -> Problem:
    service = names.service_of(pod["metadata"].get("labels") or {})
    message = f"no node takes a pod of {service}"
    return Problem(
        StepFailed, message, text, Cause.QUOTA, lasting=True, pod=pod["metadata"]["name"]
    )


def untaken(pod: JsonObject) -> Iterator[Problem]:
    """A pod whose node gives no sign of having seen it."""
    name, node = pod["metadata"]["name"], pod["spec"].get("nodeName")
    if node and not (pod.get("status") or {}).get("startTime"):
        message = f"node {node} does not take {name} up: its kubelet does not answer"
        found = "the pod is assigned to the node, and the kubelet never wrote its status"
        yield Problem(
            StepFailed, message, found, Cause.NETWORK, lasting=True, after=UNTAKEN_SECONDS
        )


def unmounted(pod: JsonObject, events: Sequence[JsonObject]) -> Iterator[Problem]:
    """What a pod should hold as files and nobody has: only events tell, for as long as it waits."""
    name, statuses = pod["metadata"]["name"], (pod.get("status") or {}).get("containerStatuses")
    waits = [(s.get("state") or {}).get("waiting") or {} for s in statuses or []]
    if any(wait.get("reason") in STARTING for wait in waits):
        failed = (str(e.get("message")) for e in events if e.get("reason") == "FailedMount")
        for text in (line for line in failed if "not found" in line or "non-existent" in line):
            cause = Cause.SECRET if any(word in text for word in SECRET_WORDS) else Cause.INPUT
            message = f"{name} cannot be set up: what it mounts is missing"
            yield Problem(StepFailed, message, text, cause, lasting=True, pod=name)
            return
