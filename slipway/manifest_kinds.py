"""The kinds of objects that manifests may hold, and the order in which they are applied. Pure.

Of Kubernetes' own groups only what is listed. Kinds of other groups are taken for namespaced; the
platform asks the cluster, and refuses one that is not.
"""

from collections.abc import Mapping
from enum import IntEnum

from slipway.canonical import JsonObject


class Rank(IntEnum):
    """What an object is to the others; lower ranks are applied first."""

    NAMESPACE = 0
    LIMITS = 1
    ACCOUNT = 2
    ACCESS = 3
    CONFIG = 4
    STORAGE = 5
    OTHER = 6
    SERVICE = 7
    WORKLOAD = 8
    SCALING = 9
    INGRESS = 10


LAST_SUPPORTING = Rank.OTHER
"""Up to here objects only support others; migrations run once they are there."""

HOOK_KIND = "Job"
_RANKS: Mapping[str, Mapping[str, Rank]] = {
    "": {
        "Namespace": Rank.NAMESPACE,
        "ResourceQuota": Rank.LIMITS,
        "LimitRange": Rank.LIMITS,
        "ServiceAccount": Rank.ACCOUNT,
        "ConfigMap": Rank.CONFIG,
        "PersistentVolumeClaim": Rank.STORAGE,
        "Service": Rank.SERVICE,
    },
    "networking.k8s.io": {"NetworkPolicy": Rank.LIMITS, "Ingress": Rank.INGRESS},
    "rbac.authorization.k8s.io": {"Role": Rank.ACCESS, "RoleBinding": Rank.ACCESS},
    "apps": dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet"), Rank.WORKLOAD),
    "batch": {"CronJob": Rank.WORKLOAD, HOOK_KIND: Rank.WORKLOAD},
    "autoscaling": {"HorizontalPodAutoscaler": Rank.SCALING},
    "policy": {"PodDisruptionBudget": Rank.SCALING},
}
_CLOSED = {
    *("admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io"),
    *("authentication.k8s.io", "authorization.k8s.io", "certificates.k8s.io"),
    *("coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "extensions"),
    *("flowcontrol.apiserver.k8s.io", "internal.apiserver.k8s.io", "node.k8s.io"),
    *("resource.k8s.io", "scheduling.k8s.io", "storage.k8s.io", "storagemigration.k8s.io"),
    *("kustomize.config.k8s.io", "config.k8s.io", "kind.x-k8s.io", "audit.k8s.io"),
}
_INSTEAD = {
    "Secret": "`secrets` in slipway.yaml, or an object that a controller makes a Secret from",
    "Pod": "a Deployment, which keeps its pods running",
    "ReplicaSet": "a Deployment",
    "ReplicationController": "a Deployment",
    "List": "its items as documents of their own",
    "Kustomization": "what `kustomize build` writes",
    "ClusterRole": "a Role",
    "ClusterRoleBinding": "a RoleBinding",
}


def group_of(document: JsonObject) -> str:
    """The API group; empty for the core."""
    group, slash, _ = str(document.get("apiVersion", "")).partition("/")
    return group if slash else ""


def rank_of(document: JsonObject) -> Rank | None:
    """The rank of an object; None where manifests may not hold one."""
    group, kind = group_of(document), str(document.get("kind", ""))
    if group in _RANKS:
        return _RANKS[group].get(kind)
    if group in _CLOSED or kind.startswith("Cluster") or kind == "GatewayClass":
        return None
    return Rank.OTHER


def instead_of(kind: str) -> str:
    """What to write where a kind is refused."""
    known = sorted({kind for kinds in _RANKS.values() for kind in kinds})
    return _INSTEAD.get(kind, f"objects in one namespace: {', '.join(known)}, or custom resources")
