"""Whether a namespace's quotas leave room for a rollout. Pure."""

from collections.abc import Mapping, Sequence

from kubernetes.utils.quantity import parse_quantity

from slipway.canonical import JsonObject
from slipway.errors import Cause, StepFailed
from slipway.release import ServiceSpec


def needs_of(service: ServiceSpec, pods: int) -> dict[str, str]:
    """What that many more pods of the service take from each limited resource."""
    cpu = f"{service.resources.cpu_millis * pods}m"
    memory = str(service.resources.memory_bytes * pods)
    return {
        "pods": str(pods),
        "count/pods": str(pods),
        "cpu": cpu,
        "memory": memory,
        "requests.cpu": cpu,
        "requests.memory": memory,
        "limits.cpu": cpu,
        "limits.memory": memory,
    }


def refuse_full(quotas: Sequence[JsonObject], more: Sequence[tuple[ServiceSpec, int]]) -> list[str]:
    """The facts.

    Args:
        more: services, and how many pods of each a rollout makes beside those that are there.

    Raises:
        StepFailed: a quota has no room for it.
    """
    for quota in quotas:
        status = quota.get("status") or {}
        for service, pods in more:
            refuse_one(
                str(quota["metadata"]["name"]),
                status.get("hard") or {},
                status.get("used") or {},
                service,
                pods,
            )
    return [f"quota {quota['metadata']['name']} has room" for quota in quotas]


def refuse_one(
    name: str, hard: Mapping[str, str], used: Mapping[str, str], service: ServiceSpec, pods: int
) -> None:
    """Raises StepFailed where this quota has no room for that many more pods of the service."""
    needs = needs_of(service, pods)
    for key in sorted(needs.keys() & hard.keys()):
        taken = used.get(key, "0")
        if parse_quantity(hard[key]) - parse_quantity(taken) < parse_quantity(needs[key]):
            raise StepFailed(
                f"quota {name} has no room for {pods} more of {service.name}",
                found=f"{key}: {taken} of {hard[key]} are used, {needs[key]} more are needed",
                next_step="raise the quota, or lower images.*.resources in slipway.yaml",
                cause=Cause.QUOTA,
            )
