"""What a chart's failed hooks said: Helm itself tells their names alone."""

import re
from collections.abc import Iterator

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import ApiRefused, Cluster
from blocks.platforms.kubernetes_evidence import TAIL, logs, secret_values
from blocks.platforms.kubernetes_helm import Helm
from blocks.platforms.kubernetes_helm_argv import Act
from blocks.platforms.kubernetes_hooks import is_ended
from blocks.platforms.redaction import redact
from slipway.canonical import JsonObject
from slipway.errors import SlipwayError, StepFailed
from slipway.platform import Evidence
from slipway.release import ReleaseSpec

HOOK = "helm.sh/hook"


def upgraded(helm: Helm, cluster: Cluster, spec: ReleaseSpec, chart: bytes, act: Act) -> JsonObject:
    """See `Helm.upgrade`; a failure tells what the hooks said that it names."""
    try:
        return helm.upgrade(spec, chart, act)
    except StepFailed as error:
        raise with_last_words(error, cluster, spec) from None


def with_last_words(error: StepFailed, cluster: Cluster, spec: ReleaseSpec) -> StepFailed:
    """The error, with what the Jobs said that it names; as it is where nothing can be read."""
    try:
        pieces = [piece for name, piece in failed(cluster, spec) if is_named(name, str(error))]
    except (SlipwayError, ApiRefused):
        return error
    error.evidence = (*error.evidence, *(line for piece in pieces for line in piece.lines))
    return error


def failed(cluster: Cluster, spec: ReleaseSpec) -> Iterator[tuple[str, Evidence]]:
    """Name of each hook's Job that failed and is still there, and its pods' last lines, masked."""
    place, secrets = names.namespace_of(spec), secret_values(cluster, spec)
    jobs = [job for job in cluster.list("Job", place) if is_hook(job) and is_ended(job, "Failed")]
    for pod in cluster.list("Pod", place) if jobs else ():
        for job in jobs:
            if is_of(pod, job):
                name, lines = pod["metadata"]["name"], logs(cluster, place, pod["metadata"]["name"])
                piece = Evidence(f"{name} logs", redact(lines, secrets)[-TAIL:])
                yield job["metadata"]["name"], piece


def is_hook(made: JsonObject) -> bool:
    """Whether Helm made it beside the chart's own objects. Pure."""
    return HOOK in (made["metadata"].get("annotations") or {})


def is_of(pod: JsonObject, job: JsonObject) -> bool:
    """Whether the Job made the pod. Pure."""
    owners = pod["metadata"].get("ownerReferences") or []
    return job["metadata"]["uid"] in [owner["uid"] for owner in owners]


def is_named(name: str, text: str) -> bool:
    """Whether a text names the object, and not one whose name is longer. Pure."""
    return bool(re.search(rf"(?<![a-z0-9.-]){re.escape(name)}(?![a-z0-9.-])", text))
