"""Hooks of a release: Jobs that run once, to their end or to their deadline."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import Cluster, path_for
from blocks.platforms.kubernetes_evidence import of_pod
from blocks.platforms.kubernetes_fence import Writer
from blocks.platforms.kubernetes_judge import Patience, State, problems
from blocks.platforms.kubernetes_problem import Problem
from blocks.platforms.kubernetes_watch import waking
from slipway.canonical import JsonObject
from slipway.errors import CrashLoop, DeadlineExceeded, OutOfMemory, ProbeFailed, StepFailed
from slipway.manifest_render import Hook
from slipway.platform import StepContext
from slipway.release import ReleaseSpec

JOB_NAME = "batch.kubernetes.io/job-name"
WATCHED = ("Pod", "Job", "Event")
# The cluster's clock ends a Job; ours speaks where the cluster does not.
GRACE_SECONDS = 20
# A Job at its deadline loses its pods at once, so their last words are read before.
LAST_SECONDS = 2.5
# A Job tries again as its author says, and ends by itself.
_ITS_OWN = (CrashLoop, OutOfMemory, ProbeFailed)


class HookFailed(StepFailed):
    """A hook ended badly; its exit code and last lines are told."""


@dataclass
class Running:
    """One hook of one release, in the hands of one claim."""

    noun: ClassVar[str] = "hook"
    writer: Writer
    spec: ReleaseSpec
    hook: Hook
    context: StepContext
    words: Sequence[str] = ()

    @property
    def name(self) -> str:
        return str(self.hook.job["metadata"]["name"])

    @property
    def cluster(self) -> Cluster:
        return self.writer.cluster

    def run(self) -> JsonObject:
        """Run it unless it has run; what it said.

        Raises:
            HookFailed: with its exit code. DeadlineExceeded: it did not end.
            ImageMissing, StepFailed: it cannot start. Superseded: see Writer.
        """
        found = self._started()
        if is_ended(found, "Complete"):
            return {"job": self.name, "ran": False}
        job = self._ended(found)
        words = self._last_words()
        if is_ended(job, "Complete"):
            return {"job": self.name, "ran": True, "exit code": 0, "said": list(words)}
        raise self._failure(job, words)

    def _started(self) -> JsonObject:
        """The Job; an old one makes room for another try."""
        path = path_for(self.hook.job)
        found = self.cluster.find(path)
        if found and self.is_old(found):
            self.context.note(f"{self.noun} {self.name} ended before and is run again")
            self.writer.delete("Job", self.name)
            found = None
        if found is None:
            self.writer.create(self._marked())
        return self.cluster.get(path)

    def is_old(self, found: JsonObject) -> bool:
        """Whether an earlier claim's Job is run again: one that failed."""
        return is_ended(found, "Failed") and tried_by(found) != self.context.token

    def failed(self, text: str, found: str, words: Sequence[str]) -> StepFailed:
        """The error of a Job that ended badly."""
        return HookFailed(
            text,
            found=found,
            next_step="correct it; what serves is unchanged by the release so far",
            evidence=words,
            cause=CrashLoop.default_cause,
        )

    def _marked(self) -> JsonObject:
        metadata = self.hook.job["metadata"]
        token = str(self.context.token)
        claim = {names.CLAIM: token, names.TRIED_BY: token}
        annotations = {**(metadata.get("annotations") or {}), **claim}
        return {**self.hook.job, "metadata": {**metadata, "annotations": annotations}}

    def _ended(self, job: JsonObject) -> JsonObject:
        """The Job once it has ended.

        Raises:
            DeadlineExceeded, StepFailed: it never will.
        """
        until = time.monotonic() + self.hook.deadline_seconds
        patience, path = Patience(0), path_for(self.hook.job)
        with waking(self.cluster, self.writer.namespace, self.context, WATCHED) as wake:
            while not (is_ended(job, "Complete") or is_ended(job, "Failed")):
                left = until - time.monotonic()
                if left < LAST_SECONDS:
                    self.words = self._last_words() or self.words
                if left < -GRACE_SECONDS:
                    raise self._late(self.words)
                if problem := patience.due(list(self._stuck()), time.monotonic()):
                    raise self._cannot(problem)
                wake.wait(max(min(left, 60.0), 0.5))
                job = self.cluster.get(path)
        return job

    def _stuck(self) -> Iterator[Problem]:
        """What keeps a pod of the Job from starting at all."""
        events = tuple(self.cluster.list("Event", self.writer.namespace))
        state = State((), tuple(self._pods()), events)
        for problem in problems(state, self.spec.id, Patience(0)):
            if problem.kind not in _ITS_OWN:
                yield problem

    def _pods(self) -> list[JsonObject]:
        labels = names.selector_text({JOB_NAME: self.name})
        return self.cluster.list("Pod", self.writer.namespace, labels)

    def _last_words(self) -> Sequence[str]:
        """The last lines that its latest pod wrote, redacted."""
        pods = sorted(self._pods(), key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
        if not pods:
            return ()
        return of_pod(self.cluster, self.spec, pods[-1]["metadata"]["name"])

    def _failure(self, job: JsonObject, words: Sequence[str]) -> StepFailed:
        condition = condition_of(job, "Failed") or {}
        if condition.get("reason") == "DeadlineExceeded":
            return self._late(words or self.words)
        code = exit_code(self._pods())
        text = f"{self.noun} {self.name} failed"
        text += f" with exit code {code}" if code is not None else ""
        found = f"{condition.get('reason')}: {condition.get('message')}"
        return self.failed(text, found, words)

    def _late(self, words: Sequence[str]) -> DeadlineExceeded:
        return DeadlineExceeded(
            f"{self.noun} {self.name} did not end within {self.hook.deadline_seconds} s "
            "(activeDeadlineSeconds)",
            evidence=words,
        )

    def _cannot(self, problem: Problem) -> StepFailed:
        words = of_pod(self.cluster, self.spec, problem.pod) if problem.pod else ()
        return problem.kind(
            f"{self.noun} {self.name}: {problem.message}",
            found=problem.found,
            next_step=problem.next_step,
            evidence=words,
            cause=problem.cause,
        )


def tried_by(job: JsonObject) -> int:
    """The claim that made the Job; a fence leaves this as it is. Pure."""
    annotations = job["metadata"].get("annotations") or {}
    return int(annotations.get(names.TRIED_BY, "0"))


def condition_of(job: JsonObject, kind: str) -> JsonObject | None:
    """The condition of that type where it is true. Pure."""
    conditions = (job.get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind and c["status"] == "True"), None)


def is_ended(job: JsonObject, kind: str) -> bool:
    """Whether the Job has ended so: `Complete` or `Failed`. Pure."""
    return condition_of(job, kind) is not None


def exit_code(pods: Sequence[JsonObject]) -> int | None:
    """The first exit code other than 0 of the latest pod that has one. Pure."""
    for pod in sorted(pods, key=lambda one: str(one["metadata"]["creationTimestamp"]))[::-1]:
        status = pod.get("status") or {}
        every = [
            *(status.get("initContainerStatuses") or []),
            *(status.get("containerStatuses") or []),
        ]
        for container in every:
            ended = (container.get("state") or {}).get("terminated") or {}
            if ended.get("exitCode"):
                return int(ended["exitCode"])
    return None
