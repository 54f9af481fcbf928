"""Starting the containers of a release beside what runs."""

from collections.abc import Iterator
from dataclasses import dataclass

import docker

from blocks.platforms import docker_names as names
from blocks.platforms.docker_containers import Maker, container_request, is_as_specified, limits
from blocks.platforms.docker_engine import SECONDS, engine_errors, inspect_or_none
from blocks.platforms.docker_images import local_image
from blocks.platforms.docker_networks import (
    FIRST_REPLICA,
    address_in,
    edge_address,
    edge_addresses,
    free_address,
    refuse_foreign,
)
from blocks.platforms.docker_observe import inspect_services
from slipway.canonical import JsonObject
from slipway.errors import StepFailed
from slipway.platform import StepContext
from slipway.release import ReleaseSpec, ServiceSpec, Target


@dataclass(frozen=True, slots=True)
class Subnets:
    """Where containers get their fixed addresses: the edge network's and the release's own."""

    edge: str
    release: str


def in_start_order(spec: ReleaseSpec) -> Iterator[tuple[ServiceSpec, int]]:
    """Each replica of each service; the front last, since it looks up the others by name."""
    for service in sorted(spec.services, key=lambda service: service.name == spec.front):
        for replica in range(service.replicas):
            yield service, replica


def release_address(spec: ReleaseSpec, service: ServiceSpec, replica: int, subnet: str) -> str:
    """The replica's address in the release's network, by its place in the order."""
    place = list(in_start_order(spec)).index((service, replica))
    return address_in(subnet, FIRST_REPLICA + place)


def ensure_container(
    api: docker.APIClient,
    spec: ReleaseSpec,
    service: ServiceSpec,
    replica: int,
    subnets: Subnets,
    health_seconds: int,
    context: StepContext,
) -> bool:
    """Make the container run as specified; whether it had to be started.

    Limits altered by hand are set back while it runs; one that does not run, is unhealthy or was
    replaced by another is made anew.

    Raises:
        BadInput: another program owns the name.
        StepFailed, Unreachable: the engine refused or failed.
    """
    name = names.container_name(spec, service.name, replica)
    with engine_errors(f"container {name}"):
        found = inspect_or_none(api, name)
        if found is not None:
            refuse_foreign(f"container {name}", found["Config"]["Labels"], spec.target)
            if is_usable(spec, service, found, local_image(api, found["Image"])):
                restore_limits(api, service, found)
                return False
            api.remove_container(found["Id"], force=True)
        request = container_request(
            spec,
            service,
            replica,
            maker=Maker(context.token, context.candidate),
            health_seconds=health_seconds,
            address=release_address(spec, service, replica, subnets.release),
        )
        api.create_container_from_config(request, name)
        if service.name == spec.front:
            _connect_edge(api, spec.target, name, subnets.edge)
        api.start(name)
    return True


def is_usable(
    spec: ReleaseSpec, service: ServiceSpec, found: JsonObject, image: JsonObject | None
) -> bool:
    """Whether the container runs as specified, connected, and is not unhealthy. Pure."""
    state = found["State"]
    if not state["Running"] or state.get("Restarting") or state.get("Paused") or image is None:
        return False
    if (state.get("Health") or {}).get("Status") == "unhealthy":
        return False
    edge = names.edge_name(spec.target)
    is_connected = service.name != spec.front or edge_address(found, edge) is not None
    return is_connected and is_as_specified(service, found, image)


def restore_limits(api: docker.APIClient, service: ServiceSpec, found: JsonObject) -> None:
    """Set limits back that somebody changed by hand; the container runs on."""
    wanted = limits(service)
    if {key: found["HostConfig"].get(key) for key in wanted} == wanted:
        return
    # The SDK's own method knows neither NanoCpus nor PidsLimit.
    url = f"{api.base_url}/v{api.api_version}/containers/{found['Id']}/update"
    answer = api.post(url, json=wanted, timeout=SECONDS)
    if not answer.ok:
        raise StepFailed(
            f"the limits of {found['Name'].lstrip('/')} could not be set back",
            found=answer.text[:300],
        )


def _connect_edge(api: docker.APIClient, target: Target, name: str, subnet: str) -> None:
    """Give the container an address that stays the same over restarts."""
    edge = names.edge_name(target)
    others = list(inspect_services(api, names.target_labels(target)))
    address = free_address(subnet, edge_addresses(others, edge))
    api.connect_container_to_network(name, edge, ipv4_address=address)
