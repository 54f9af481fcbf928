"""Networks of a target: one edge network with fixed addresses, one network per release."""

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator, Sequence

import docker
from docker.errors import APIError, NotFound
from docker.types import IPAMConfig, IPAMPool

from blocks.platforms import docker_names as names
from blocks.platforms.docker_engine import engine_errors
from slipway.canonical import JsonObject
from slipway.errors import BadInput
from slipway.release import ReleaseSpec, Target

FIRST_REPLICA = 16
OVERLAP = "overlaps"


def candidate_subnets(name: str, pool: str) -> Iterator[str]:
    """The /24 networks of the pool, starting at one that the name picks. Pure."""
    network = ipaddress.ip_network(pool)
    count = 2 ** (24 - network.prefixlen)
    first = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % count
    base = int(network.network_address)
    for step in range(count):
        yield str(ipaddress.ip_network((base + (first + step) % count * 256, 24)))


def address_in(subnet: str, number: int) -> str:
    """The subnet's address of that number."""
    return str(ipaddress.ip_network(subnet)[number])


def free_address(subnet: str, taken: Iterable[str]) -> str:
    """The lowest address for a replica that nobody has.

    Raises:
        BadInput: all are taken.
    """
    used = set(taken)
    hosts = [str(host) for host in ipaddress.ip_network(subnet).hosts()][FIRST_REPLICA - 1 :]
    free = next((host for host in hosts if host not in used), None)
    if free is None:
        raise BadInput(
            f"edge network {subnet} is full",
            found=f"{len(used)} containers",
            next_step="remove old releases or lower replicas",
        )
    return free


def refuse_foreign(what: str, labels: JsonObject | None, target: Target) -> None:
    """Raises BadInput where the thing of our name was not made by Slipway for this target."""
    wanted = names.target_labels(target)
    if {key: (labels or {}).get(key) for key in wanted} != wanted:
        raise BadInput(
            f"{what} exists, but Slipway did not make it for {target}",
            found=", ".join(f"{k}={v}" for k, v in sorted((labels or {}).items()))[:200] or None,
            allowed=", ".join(f"{key}={value}" for key, value in wanted.items()),
            next_step="rename or remove it by hand; Slipway does not touch what it did not make",
        )


def find_network(api: docker.APIClient, name: str) -> JsonObject | None:
    """The network's inspect document, or None."""
    try:
        return dict(api.inspect_network(name))
    except NotFound:
        return None


def subnet_of(network: JsonObject) -> str:
    """The network's first subnet."""
    return str(network["IPAM"]["Config"][0]["Subnet"])


def ensure_edge(api: docker.APIClient, target: Target, pool: str) -> str:
    """Make the network between the proxy and the front services; its subnet.

    Raises:
        BadInput: another program owns the name, or the whole pool is in use.
    """
    return _ensure(api, target, names.edge_name(target), names.target_labels(target), pool)


def ensure_release_network(api: docker.APIClient, spec: ReleaseSpec, pool: str) -> str:
    """Make the network in which the release's services find each other; its subnet.

    Raises:
        BadInput: see ensure_edge.
    """
    labels = names.release_labels(spec)
    return _ensure(api, spec.target, names.release_network(spec), labels, pool)


def _ensure(
    api: docker.APIClient, target: Target, name: str, labels: dict[str, str], pool: str
) -> str:
    with engine_errors(f"network {name}"):
        if found := find_network(api, name):
            refuse_foreign(f"network {name}", found["Labels"], target)
            return subnet_of(found)
        for subnet in candidate_subnets(name, pool):
            if _create(api, name, subnet, labels):
                return subnet
    raise BadInput(
        f"no free network left for {name}",
        found=f"all /24 networks of {pool} are in use",
        next_step="set the block's network_pool to another private range",
    )


def _create(api: docker.APIClient, name: str, subnet: str, labels: dict[str, str]) -> bool:
    pools = [IPAMPool(subnet=subnet, gateway=address_in(subnet, 1))]
    ipam = IPAMConfig(pool_configs=pools)
    try:
        api.create_network(name, driver="bridge", ipam=ipam, labels=labels, check_duplicate=True)
    except APIError as error:
        if OVERLAP in str(error.explanation):
            return False
        raise
    return True


def edge_addresses(containers: Sequence[JsonObject], edge: str) -> list[str]:
    """Addresses on the edge network that inspected containers have or ask for."""
    return [address for c in containers if (address := edge_address(c, edge))]


def edge_address(inspected: JsonObject, edge: str) -> str | None:
    """The container's fixed address on the edge network; None where it is not connected."""
    endpoint = inspected["NetworkSettings"]["Networks"].get(edge)
    if not endpoint:
        return None
    fixed = (endpoint.get("IPAMConfig") or {}).get("IPv4Address")
    return fixed or endpoint.get("IPAddress") or None
