"""Who owns an object and each of its fields. Pure.

https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts
"""

from collections.abc import Iterator, Sequence

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import ApiRefused
from blocks.platforms.kubernetes_resources import is_known
from slipway.canonical import JsonObject
from slipway.errors import BadInput, Cause, Refused
from slipway.release import Target

# Others write into objects of more kinds as a matter of course: what they wrote there stays.
PURGED = (
    *("Deployment", "StatefulSet", "DaemonSet", "Service", "ConfigMap"),
    *("PodDisruptionBudget", "NetworkPolicy", "Role", "RoleBinding"),
)
OURS = (names.MANAGER, "kube-controller-manager")


class FieldConflict(Refused):
    """Somebody else owns a field that a release sets."""

    exit_code = 3
    default_cause = Cause.CONFLICT


def described(made: JsonObject) -> str:
    """Kind, namespace and name, for people."""
    metadata = made["metadata"]
    place = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{made['kind']} {place}{metadata['name']}"


def refuse_foreign(found: JsonObject, wanted: JsonObject, target: Target) -> None:
    """Raises BadInput where the object is not this target's."""
    labels = found["metadata"].get("labels") or {}
    ours = {names.APP: target.app, names.ENVIRONMENT: target.environment}
    if not ours.items() <= labels.items():
        raise BadInput(
            f"{described(wanted)} exists and Slipway did not make it for {target}",
            found="labels " + (", ".join(f"{k}={v}" for k, v in sorted(labels.items())) or "none"),
            allowed=", ".join(f"{key}={value}" for key, value in ours.items()),
            next_step="remove it, hand it over by these labels, or choose another namespace",
        )


def field_conflicts(error: ApiRefused) -> Iterator[str]:
    """`manager: field` of each field that another manager owns."""
    for cause in error.causes:
        if cause.get("reason") == "FieldManagerConflict":
            manager = cause.get("message", "").partition('"')[2].partition('"')[0]
            yield f"{manager or 'unknown'}: {cause.get('field', '?')}"


def refuse_conflicts(error: ApiRefused, wanted: JsonObject) -> None:
    """Raises FieldConflict naming managers and fields."""
    if conflicts := list(field_conflicts(error)):
        raise conflict(wanted, conflicts)


def conflict(wanted: JsonObject, conflicts: Sequence[str]) -> FieldConflict:
    kind, name = wanted["kind"].lower(), wanted["metadata"]["name"]
    place = wanted["metadata"].get("namespace", "")
    return FieldConflict(
        f"{described(wanted)} was changed by somebody else",
        found="; ".join(conflicts),
        allowed=f"fields that {names.MANAGER} owns",
        next_step=f"see `kubectl -n {place} get {kind} {name} -o yaml --show-managed-fields`; "
        "undo that change, or take the field back by `slipway rollback`",
    )


def is_purged(wanted: JsonObject) -> bool:
    """Whether a way back removes what others added to such an object."""
    return wanted["kind"] in PURGED and is_known(wanted)


def other_managers(made: JsonObject) -> list[str]:
    """Who else than Slipway and the control plane wrote into the object."""
    entries = made["metadata"].get("managedFields") or []
    return sorted(
        {
            str(entry["manager"])
            for entry in entries
            if entry["manager"] not in OURS and entry.get("subresource") != "status"
        }
    )


def by_controllers(made: JsonObject) -> dict[str, str]:
    """Annotations that the control plane keeps on a workload."""
    annotations = made["metadata"].get("annotations") or {}
    return {k: v for k, v in annotations.items() if k.startswith("deployment.kubernetes.io/")}
