"""Whether a namespace's quotas leave room for a rollout. Pure."""

from collections.abc import Mapping, Sequence

from kubernetes.utils.quantity import parse_quantity

from slipway.canonical import JsonObject
from slipway.errors import Cause, StepFailed
from slipway.release import ServiceSpec


def needs_of(service: ServiceSpec) -> dict[str, str]:
    """What one more pod of the service takes from each limited resource."""
    cpu, memory = f"{service.resources.cpu_millis}m", str(service.resources.memory_bytes)
    return {
        "pods": "1",
        "count/pods": "1",
        "cpu": cpu,
        "memory": memory,
        "requests.cpu": cpu,
        "requests.memory": memory,
        "limits.cpu": cpu,
        "limits.memory": memory,
    }


def refuse_full(quotas: Sequence[JsonObject], services: Sequence[ServiceSpec]) -> list[str]:
    """The facts; a rollout makes one pod of each service beside the old ones.

    Raises:
        StepFailed: a quota has no room for it.
    """
    for quota in quotas:
        status = quota.get("status") or {}
        for service in services:
            refuse_one(
                str(quota["metadata"]["name"]),
                status.get("hard") or {},
                status.get("used") or {},
                service,
            )
    return [f"quota {quota['metadata']['name']} has room" for quota in quotas]


def refuse_one(
    name: str, hard: Mapping[str, str], used: Mapping[str, str], service: ServiceSpec
) -> None:
    """Raises StepFailed where this quota has no room for one more pod of the service."""
    needs = needs_of(service)
    for key in sorted(needs.keys() & hard.keys()):
        taken = used.get(key, "0")
        if parse_quantity(hard[key]) - parse_quantity(taken) < parse_quantity(needs[key]):
            raise StepFailed(
                f"quota {name} has no room for a pod of {service.name}",
                found=f"{key}: {taken} of {hard[key]} are used, {needs[key]} more are needed",
                next_step="raise the quota, or lower images.*.resources in slipway.yaml",
                cause=Cause.QUOTA,
            )
