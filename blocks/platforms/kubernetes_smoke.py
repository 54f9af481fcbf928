"""The smoke test of a release: a Job of its own image that asks it questions under traffic.

Every claim asks anew, so a rollback is tested as well; within a claim the Job is found by its name,
and an older one that still runs is waited for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import Cluster, path_for
from blocks.platforms.kubernetes_fence import Writer
from blocks.platforms.kubernetes_hooks import Running, is_ended, tried_by
from blocks.platforms.kubernetes_workload import container, pod
from slipway.canonical import JsonObject
from slipway.errors import StepFailed, VerificationFailed
from slipway.manifest_render import Hook
from slipway.platform import StepContext
from slipway.release import ReleaseSpec, SmokeSpec

# What a container has to be asked and to leave traffic; a test is neither asked nor in it.
_OF_SERVING = ("ports", "lifecycle", "startupProbe", "livenessProbe", "readinessProbe")


def smoke_of(spec: ReleaseSpec) -> SmokeSpec | None:
    """The test that the release asks for. Pure."""
    return spec.kubernetes.smoke if spec.kubernetes else None


def smoke_jobs(spec: ReleaseSpec) -> list[JsonObject]:
    """The Job of a release that has a test: hardened as its pods, by digest, with one try. Pure."""
    wanted = smoke_of(spec)
    return [smoke_job(spec, wanted)] if wanted else []


def smoke_job(spec: ReleaseSpec, wanted: SmokeSpec) -> JsonObject:
    """Its pod carries no service's label, so that no traffic finds it. Pure."""
    service = next(one for one in spec.services if one.name == wanted.service)
    own = {k: v for k, v in container(spec, service).items() if k not in (*_OF_SERVING, "args")}
    labels = {**names.target_labels(spec.target), names.RELEASE: spec.id}
    template = {
        **pod(spec, service),
        "containers": [{**own, "command": list(wanted.command)}],
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": service.stop_seconds,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": names.smoke_name(spec),
            "namespace": names.namespace_of(spec),
            "labels": labels,
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": wanted.deadline_seconds,
            "template": {"metadata": {"labels": labels}, "spec": template},
        },
    }


@dataclass
class Smoke(Running):
    """A smoke test, in the hands of one claim."""

    noun: ClassVar[str] = "smoke test"

    def is_old(self, found: JsonObject) -> bool:
        has_ended = is_ended(found, "Complete") or is_ended(found, "Failed")
        return has_ended and tried_by(found) != self.context.token

    def failed(self, text: str, found: str, words: Sequence[str]) -> StepFailed:
        step = "run its command against the release that serves, then correct either"
        return VerificationFailed(text, found=found, next_step=step, evidence=words)


def ask(cluster: Cluster, writer: Writer, spec: ReleaseSpec, context: StepContext) -> JsonObject:
    """Run the test to its end; what it said. Without a claim nothing is run: the last one counts.

    Raises:
        VerificationFailed: it ended with another code than 0. DeadlineExceeded: it did not end.
    """
    (job,) = smoke_jobs(spec)
    smoke = Smoke(writer, spec, Hook(job, job["spec"]["activeDeadlineSeconds"]), context)
    if context.token:
        return smoke.run()
    found = cluster.find(path_for(job))
    if found and is_ended(found, "Failed"):
        raise smoke.failed(f"smoke test {smoke.name} failed last time", "see its Job", ())
    return {"job": smoke.name, "ran": False}
