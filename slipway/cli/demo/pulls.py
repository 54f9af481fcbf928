"""Whether a cluster's nodes reach the demo's registry: asked by a pod before the story begins.

Its image is one that no registry holds, so that a node which gets there says so.
"""

import time
import uuid
from typing import TYPE_CHECKING, Any

from slipway.canonical import JsonObject
from slipway.errors import Unreachable
from slipway.explanations import printable

if TYPE_CHECKING:
    from blocks.platforms.kubernetes_api import Cluster

SECONDS = 90.0
GUIDE = "tell the nodes where it is, as docs/kubernetes.md does for kind, or leave CONTEXT out"


def probe(namespace: str, account: str, registry: str) -> JsonObject:
    """A pod that pulls with that account's login and never starts. Pure."""
    container = {
        "name": "probe",
        "image": f"{registry}/none@sha256:{'0' * 64}",
        "resources": {
            "requests": {"cpu": "1m", "memory": "4Mi"},
            "limits": {"cpu": "10m", "memory": "8Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"pull-probe-{uuid.uuid4().hex[:8]}", "namespace": namespace},
        "spec": {
            "serviceAccountName": account,
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        },
    }


def refusal(pod: Any) -> str | None:
    """Why the node got no answer of the registry; empty where it did, None while it tries. Pure."""
    for status in (pod.get("status") or {}).get("containerStatuses") or []:
        waiting = (status.get("state") or {}).get("waiting") or {}
        message = str(waiting.get("message") or "")
        if "ErrImagePull" in f"{waiting.get('reason')} {message}":
            return "" if "not found" in message else printable(message.rpartition("Head ")[2])
    return None


def refuse_unreached(cluster: "Cluster", namespace: str, account: str, registry: str) -> None:
    """Raises Unreachable where a node does not get to the registry, in the node's words."""
    from blocks.platforms.kubernetes_api import path_of

    pod = probe(namespace, account, registry)
    path = path_of("Pod", namespace, pod["metadata"]["name"])
    cluster.call("POST", path.rpartition("/")[0], pod)
    try:
        said = await_refusal(cluster, path)
    finally:
        cluster.call("DELETE", path)
    if said:
        raise Unreachable(
            f"the cluster's nodes do not reach the demo's registry {registry}",
            found=said[:300],
            allowed=f"nodes that pull from {registry}, as this machine does",
            next_step=GUIDE,
        )


def await_refusal(cluster: "Cluster", path: str) -> str:
    """What the node said; see `refusal`."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        if (said := refusal(cluster.find(path) or {})) is not None:
            return said
        time.sleep(0.3)
    return f"no node tried to pull within {SECONDS:.0f} s"
