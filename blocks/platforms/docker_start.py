"""Starting the containers of a release beside what runs."""

from collections.abc import Iterator

import docker

from blocks.platforms import docker_names as names
from blocks.platforms.docker_containers import container_fields, container_request, memory_text
from blocks.platforms.docker_engine import engine_errors, inspect_or_none
from blocks.platforms.docker_images import local_image
from blocks.platforms.docker_networks import (
    edge_address,
    edge_addresses,
    free_address,
    refuse_foreign,
)
from blocks.platforms.docker_observe import inspect_services
from slipway.canonical import JsonObject
from slipway.platform import StepContext
from slipway.release import ReleaseSpec, ServiceSpec, Target


def in_start_order(spec: ReleaseSpec) -> Iterator[tuple[ServiceSpec, int]]:
    """Each replica of each service; the front last, since it looks up the others by name."""
    for service in sorted(spec.services, key=lambda service: service.name == spec.front):
        for replica in range(service.replicas):
            yield service, replica


def ensure_container(
    api: docker.APIClient,
    spec: ReleaseSpec,
    service: ServiceSpec,
    replica: int,
    subnet: str,
    health_seconds: int,
    context: StepContext,
) -> bool:
    """Make the container run as specified; whether it had to be started.

    A container that does not run, is unhealthy or was altered by hand is made anew.

    Raises:
        BadInput: another program owns the name.
        StepFailed, Unreachable: the engine refused or failed.
    """
    name = names.container_name(spec, service.name, replica)
    with engine_errors(f"container {name}"):
        found = inspect_or_none(api, name)
        if found is not None:
            refuse_foreign(f"container {name}", found["Config"]["Labels"], spec.target)
            if is_as_specified(api, spec, service, found):
                return False
            api.remove_container(found["Id"], force=True)
        request = container_request(spec, service, replica, context.token, health_seconds)
        api.create_container_from_config(request, name)
        if service.name == spec.front:
            _connect_edge(api, spec.target, name, subnet)
        api.start(name)
    return True


def is_as_specified(
    api: docker.APIClient, spec: ReleaseSpec, service: ServiceSpec, found: JsonObject
) -> bool:
    """Whether the container runs, is not unhealthy, and has the limits and image wanted."""
    state, image = found["State"], local_image(api, found["Image"])
    if not state["Running"] or state.get("Restarting") or image is None:
        return False
    if (state.get("Health") or {}).get("Status") == "unhealthy":
        return False
    edge = names.edge_name(spec.target)
    if service.name == spec.front and not edge_address(found, edge):
        return False
    fields = container_fields(found, image)
    return (
        fields["image"] == service.digest
        and fields["memory"] == memory_text(service.resources.memory_bytes)
        and fields["cpu"] == f"{service.resources.cpu_millis}m"
        and fields["pids"] == str(service.resources.pids)
    )


def _connect_edge(api: docker.APIClient, target: Target, name: str, subnet: str) -> None:
    """Give the container an address that stays the same over restarts."""
    edge = names.edge_name(target)
    others = list(inspect_services(api, names.target_labels(target)))
    address = free_address(subnet, edge_addresses(others, edge))
    api.connect_container_to_network(name, edge, ipv4_address=address)
