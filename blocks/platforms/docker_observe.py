"""What runs on the engine for one target, read once, and its fields. The flattening is pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import docker
from docker.errors import NotFound

from blocks.platforms import docker_names as names
from blocks.platforms import docker_proxy, docker_session
from blocks.platforms.docker_containers import container_fields
from blocks.platforms.docker_engine import engine_errors, inspect_or_none
from blocks.platforms.docker_networks import edge_address
from blocks.platforms.docker_traffic import Routes
from slipway.canonical import JsonObject, content_digest
from slipway.errors import Unreachable
from slipway.platform import Observation
from slipway.release import Target

# What somebody can change by hand; times, counters and health change by themselves.
_HOST_FACTS = (
    "Binds", "CapAdd", "CapDrop", "Memory", "MemorySwap", "NanoCpus", "NetworkMode", "PidsLimit",
    "PortBindings", "Privileged", "ReadonlyRootfs", "RestartPolicy", "SecurityOpt", "Tmpfs",
)  # fmt: skip
_CONFIG_FACTS = ("Cmd", "Entrypoint", "Env", "Image", "Labels", "User", "StopTimeout")


@dataclass(frozen=True, slots=True)
class Seen:
    """Inspect documents of a target: services (any state), their images by id, proxy, routes."""

    services: tuple[JsonObject, ...]
    images: Mapping[str, JsonObject]
    proxy: JsonObject | None
    routes: Routes

    def of_release(self, spec_id: str) -> list[JsonObject]:
        return [c for c in self.services if c["Config"]["Labels"].get(names.RELEASE) == spec_id]


def see(api: docker.APIClient, target: Target) -> Seen:
    """Read everything of the target.

    Raises:
        Unreachable: the engine did not answer.
    """
    with engine_errors(f"reading {target}"):
        services = tuple(inspect_services(api, names.target_labels(target)))
        images = {c["Image"]: _inspect_image(api, c["Image"]) for c in services}
        proxy = inspect_or_none(api, names.proxy_name(target))
        return Seen(services, images, proxy, _routes(api, target, proxy))


def inspect_services(api: docker.APIClient, labels: dict[str, str]) -> Iterable[JsonObject]:
    """Inspect documents of the service containers with these labels, in order of their names."""
    filters = names.label_filter({**labels, names.ROLE: names.SERVICE_ROLE})
    listed = api.containers(all=True, filters=filters)
    for listing in sorted(listed, key=lambda c: str(c["Names"])):
        if found := inspect_or_none(api, listing["Id"]):
            yield found


def _inspect_image(api: docker.APIClient, image_id: str) -> JsonObject:
    try:
        return dict(api.inspect_image(image_id))
    except NotFound:
        return {"RepoDigests": [], "Config": {}}


def _routes(api: docker.APIClient, target: Target, proxy: JsonObject | None) -> Routes:
    """A proxy that does not run routes nothing."""
    if not docker_proxy.is_running(proxy):
        return Routes()
    try:
        return docker_session.read_routes(api, names.proxy_name(target))
    except Unreachable:
        if docker_proxy.is_running(inspect_or_none(api, names.proxy_name(target))):
            raise
        return Routes()


def serving_id(seen: Seen, edge: str) -> str | None:
    """The release behind the first serving address. Pure."""
    for container in seen.services:
        address = edge_address(container, edge)
        if address and any(a.partition(":")[0] == address for a in seen.routes.serving):
            return str(container["Config"]["Labels"][names.RELEASE])
    return None


def observation(target: Target, seen: Seen) -> Observation:
    """Fields, revision and serving release. Pure."""
    serving = serving_id(seen, names.edge_name(target))
    containers = seen.of_release(serving) if serving else []
    fields = release_fields(containers, seen.images)
    if containers and seen.proxy:
        fields["port"] = str(docker_proxy.published_port(seen.proxy))
    return Observation(fields=fields, revision=revision(seen), serving=serving)


def release_fields(
    containers: Iterable[JsonObject], images: Mapping[str, JsonObject]
) -> dict[str, str]:
    """Fields of one release. Where replicas differ, each value is listed. Pure."""
    by_service: dict[str, list[dict[str, str]]] = {}
    fields: dict[str, str] = {}
    for container in containers:
        labels = container["Config"]["Labels"]
        found = container_fields(container, images[container["Image"]])
        found["replicas"] = "running" if container["State"]["Running"] else "stopped"
        by_service.setdefault(labels[names.SERVICE], []).append(found)
        fields |= json.loads(labels.get(names.SETTINGS) or "{}")
        fields |= _prefixed("secrets", json.loads(labels.get(names.SECRETS) or "{}"))
    for service, replicas in by_service.items():
        fields |= _prefixed(service, _merged(replicas))
    return fields


def _merged(replicas: list[dict[str, str]]) -> dict[str, str]:
    running = sum(replica.pop("replicas") == "running" for replica in replicas)
    keys = sorted({key for replica in replicas for key in replica})
    values = {key: sorted({replica.get(key, "(absent)") for replica in replicas}) for key in keys}
    return {key: " and ".join(found) for key, found in values.items()} | {"replicas": str(running)}


def _prefixed(prefix: str, fields: Mapping[str, str]) -> dict[str, str]:
    return {f"{prefix}.{key}": value for key, value in fields.items()}


def revision(seen: Seen) -> str:
    """A digest over everything that a person could change; a fence alone does not change it."""
    containers = [*seen.services, *([seen.proxy] if seen.proxy else [])]
    facts = {
        "containers": [_facts(container) for container in containers],
        "serving": list(seen.routes.serving),
        "previous": list(seen.routes.previous),
    }
    return content_digest(json.loads(json.dumps(facts)))


def _facts(container: JsonObject) -> JsonObject:
    host, config = container["HostConfig"], container["Config"]
    return {
        "id": container["Id"],
        "name": container["Name"],
        "image": container["Image"],
        "running": container["State"]["Running"],
        "networks": sorted(container["NetworkSettings"]["Networks"]),
        **{key: host.get(key) for key in _HOST_FACTS},
        **{key: config.get(key) for key in _CONFIG_FACTS},
    }
