"""The pods of a chart, read as those of the platform's own objects are. The reading is pure.

A chart names and labels its objects as it likes. Pods of a Deployment's present template belong to
the release; copies of them carry its labels, and containers the names of the app file's images.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_helm_objects import Installed
from blocks.platforms.kubernetes_judge import State
from blocks.platforms.kubernetes_settle import Place
from slipway.canonical import JsonObject
from slipway.errors import StepFailed

NOTHING = Installed((), {}, "")
REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"


@dataclass(frozen=True, slots=True)
class ChartPlace(Place):
    """An installed chart on its cluster."""

    installed: Installed = NOTHING

    def read(self) -> State:
        """See Place."""
        listed = {d["metadata"]["name"]: d for d in self.cluster.list("Deployment", self.namespace)}
        wanted = [d["metadata"]["name"] for d in self.installed.deployments]
        for name in wanted:
            if name not in listed:
                raise StepFailed(f"Deployment {name} is gone: somebody removed it")
        deployments = tuple(listed[name] for name in wanted)
        sets = self.cluster.list("ReplicaSet", self.namespace)
        pods = self.cluster.list("Pod", self.namespace)
        marked = [
            mark(pod, deployment, self.installed, self.spec.id)
            for deployment in deployments
            for pod in pods_of(deployment, sets, pods)
        ]
        events = tuple(self.cluster.list("Event", self.namespace))
        return State(deployments, tuple(marked), events)


def pods_of(
    deployment: JsonObject, sets: Sequence[JsonObject], pods: Sequence[JsonObject]
) -> list[JsonObject]:
    """Pods of the present template; none while the controller has not seen it. Pure."""
    hashes = present(deployment, sets)
    return [pod for pod in pods if (pod["metadata"].get("labels") or {}).get(HASH) in hashes]


def present(deployment: JsonObject, sets: Sequence[JsonObject]) -> set[str]:
    """Hashes of the present template's ReplicaSets: one, or none yet. Pure."""
    metadata, status = deployment["metadata"], deployment.get("status") or {}
    if status.get("observedGeneration", 0) < metadata["generation"]:
        return set()
    wanted = (metadata.get("annotations") or {}).get(REVISION)
    return {
        str(one["metadata"]["labels"][HASH])
        for one in owned(deployment, sets)
        if wanted and (one["metadata"].get("annotations") or {}).get(REVISION) == wanted
    }


def owned(deployment: JsonObject, sets: Sequence[JsonObject]) -> list[JsonObject]:
    """ReplicaSets of a Deployment. Pure."""
    uid = deployment["metadata"]["uid"]
    return [
        one
        for one in sets
        if any(o.get("uid") == uid for o in one["metadata"].get("ownerReferences") or [])
        and HASH in (one["metadata"].get("labels") or {})
    ]


def mark(pod: JsonObject, deployment: JsonObject, installed: Installed, release: str) -> JsonObject:
    """A copy of the pod that tells its release and its service as our own pods do. Pure."""
    name = deployment["metadata"]["name"]
    services = installed.services.get(name, {})
    service = next(iter(services.values()), name)
    made = copy.deepcopy(pod)
    labels = {**(made["metadata"].get("labels") or {})}
    made["metadata"]["labels"] = {**labels, names.RELEASE: release, names.SERVICE: service}
    _rename(made["spec"].get("containers"), services)
    _rename((made.get("status") or {}).get("containerStatuses"), services)
    return made


def _rename(parts: list[JsonObject] | None, services: Mapping[str, str]) -> None:
    for part in parts or []:
        part["name"] = services.get(part["name"], part["name"])
