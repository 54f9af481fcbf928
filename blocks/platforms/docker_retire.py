"""Removing what no kept release needs. What is running warm for the way back stays."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import docker
from docker.errors import NotFound

from blocks.platforms import docker_names as names
from blocks.platforms import docker_session
from blocks.platforms.docker_engine import engine_errors, inspect_or_none
from blocks.platforms.docker_networks import edge_address
from blocks.platforms.docker_observe import inspect_services
from blocks.platforms.docker_proxy import is_running
from blocks.platforms.docker_traffic import Routes
from slipway.canonical import JsonObject
from slipway.errors import StepFailed
from slipway.platform import StepContext
from slipway.release import ReleaseSpec, Target

DRAIN_STEP_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Surplus:
    """What may go, by name or id."""

    containers: tuple[JsonObject, ...]
    networks: tuple[str, ...]
    volumes: tuple[str, ...]


def surplus(
    containers: Sequence[JsonObject],
    networks: Iterable[str],
    volumes: Iterable[str],
    target: Target,
    keep: Sequence[ReleaseSpec],
) -> Surplus:
    """Everything of the target that belongs to no kept release. Pure."""
    ids = {spec.id for spec in keep}
    kept_networks = {names.release_network(spec) for spec in keep}
    kept_volumes = {volume for spec in keep for volume in names.secrets_volumes(spec)}
    if keep:
        kept_networks.add(names.edge_name(target))
        kept_volumes.add(names.traffic_volume(target))
    return Surplus(
        tuple(c for c in containers if c["Config"]["Labels"].get(names.RELEASE) not in ids),
        tuple(sorted(name for name in networks if name not in kept_networks)),
        tuple(sorted(name for name in volumes if name not in kept_volumes)),
    )


def find_surplus(api: docker.APIClient, target: Target, keep: Sequence[ReleaseSpec]) -> Surplus:
    """Read the engine and tell what may go."""
    filters = names.label_filter(names.target_labels(target))
    with engine_errors(f"reading {target}"):
        return surplus(
            list(inspect_services(api, names.target_labels(target))),
            [network["Name"] for network in api.networks(filters=filters)],
            [volume["Name"] for volume in api.volumes(filters=filters)["Volumes"] or []],
            target,
            keep,
        )


def refuse_serving(target: Target, routes: Routes, containers: Sequence[JsonObject]) -> None:
    """Raises StepFailed where a container to be removed still gets traffic. Pure."""
    edge = names.edge_name(target)
    used = {address.partition(":")[0] for address in (*routes.serving, *routes.previous)}
    for container in containers:
        if edge_address(container, edge) in used:
            raise StepFailed(
                f"{container['Name'].lstrip('/')} still receives traffic; it is not removed",
                next_step="slipway status, then slipway recover",
            )


def drain(
    api: docker.APIClient,
    target: Target,
    containers: Sequence[JsonObject],
    seconds: int,
    context: StepContext,
) -> int:
    """Wait until no request is under way to the containers, at most `seconds`; how many were left.

    The proxy tells no event when a request ends, so it is asked twice a second, and only then.
    """
    edge = names.edge_name(target)
    addresses = [a for c in containers if (a := edge_address(c, edge)) and is_running(c)]
    until = time.monotonic() + seconds
    while addresses:
        left = open_requests(api, names.proxy_name(target), addresses)
        if not left or time.monotonic() > until:
            return left
        context.check()
        time.sleep(DRAIN_STEP_SECONDS)
    return 0


def open_requests(api: docker.APIClient, proxy: str, addresses: Sequence[str]) -> int:
    """How many sessions of the proxy wait for one of the addresses."""
    with docker_session.open_session(api, proxy) as session:
        sessions = session.ask("show sess all")
    return sum(
        f"addr={address}:" in line for line in sessions.splitlines() for address in addresses
    )


def remove(
    api: docker.APIClient, found: Surplus, note: Callable[[str], None]
) -> dict[str, list[str]]:
    """Stop and remove containers, then networks and volumes; the names of what went."""
    removed: Mapping[str, list[str]] = {"containers": [], "networks": [], "volumes": []}
    for container in found.containers:
        name = container["Name"].lstrip("/")
        with engine_errors(f"removing {name}"), suppress(NotFound):
            api.stop(container["Id"], timeout=container["Config"].get("StopTimeout") or 10)
            api.remove_container(container["Id"], force=True)
        removed["containers"].append(name)
        note(f"removed {name}")
    for name in found.networks:
        with engine_errors(f"removing network {name}"), suppress(NotFound):
            api.remove_network(name)
        removed["networks"].append(name)
    for name in found.volumes:
        with engine_errors(f"removing volume {name}"), suppress(NotFound):
            api.remove_volume(name)
        removed["volumes"].append(name)
    return dict(removed)


def remove_proxy(api: docker.APIClient, target: Target) -> bool:
    """Remove the front proxy; whether there was one."""
    name = names.proxy_name(target)
    with engine_errors(f"removing {name}"):
        found = inspect_or_none(api, name)
        if found is None:
            return False
        with suppress(NotFound):
            api.remove_container(found["Id"], force=True)
    return True
