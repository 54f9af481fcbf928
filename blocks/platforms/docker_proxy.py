"""The front proxy container of one target: its request to the engine, and making it run."""

import time
from dataclasses import dataclass

import docker
from docker.errors import APIError, NotFound

from blocks.platforms import docker_names as names
from blocks.platforms import docker_session, docker_traffic
from blocks.platforms.docker_engine import engine_errors, inspect_or_none
from blocks.platforms.docker_networks import address_in, refuse_foreign
from slipway.canonical import JsonObject
from slipway.errors import BadInput, ImageMissing, StepFailed, Unreachable
from slipway.release import Target

PUBLIC_PORT = "8080/tcp"
PROBE = "127.0.0.1:8081"
USER = 65532
START_SECONDS = 10


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """What the block says about front proxies: image, address to bind, memory in bytes."""

    image: str
    bind: str
    memory_bytes: int = 128 * 1024 * 1024


def proxy_request(target: Target, port: int, settings: ProxySettings, subnet: str) -> JsonObject:
    """Body of POST /containers/create for the front proxy."""
    edge = names.edge_name(target)
    return {
        "Image": settings.image,
        "User": f"{USER}:{USER}",
        "Labels": {**names.target_labels(target), names.ROLE: names.PROXY_ROLE},
        "ExposedPorts": {PUBLIC_PORT: {}},
        "HostConfig": {
            "PortBindings": {PUBLIC_PORT: [{"HostIp": settings.bind, "HostPort": str(port)}]},
            "Binds": [f"{names.traffic_volume(target)}:{docker_traffic.FOLDER}"],
            "Tmpfs": {"/run/slipway": f"rw,noexec,nosuid,nodev,size=4m,mode=0700,uid={USER}"},
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "Memory": settings.memory_bytes,
            "PidsLimit": 64,
            "RestartPolicy": {"Name": "unless-stopped"},
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}},
            "NetworkMode": edge,
        },
        "NetworkingConfig": {
            "EndpointsConfig": {edge: {"IPAMConfig": {"IPv4Address": address_in(subnet, 2)}}}
        },
    }


def published_port(inspected: JsonObject) -> int | None:
    """The port on the host that the proxy was made for."""
    bindings = inspected["HostConfig"].get("PortBindings") or {}
    binding = bindings.get(PUBLIC_PORT) or []
    return int(binding[0]["HostPort"]) if binding else None


def is_running(inspected: JsonObject | None) -> bool:
    return bool(inspected and inspected["State"]["Running"])


def ensure_proxy(
    api: docker.APIClient, target: Target, port: int, settings: ProxySettings, subnet: str
) -> bool:
    """Make the front proxy run; whether it had to be made.

    Raises:
        BadInput: the port is taken, was another before, or the name belongs to another program.
        ImageMissing: the proxy's image is not on the engine.
        Unreachable: the engine failed, or the proxy does not answer.
    """
    name = names.proxy_name(target)
    with engine_errors(f"front proxy {name}"):
        found = inspect_or_none(api, name)
        if found is not None:
            refuse_foreign(f"container {name}", found["Config"]["Labels"], target)
            refuse_other_port(target, published_port(found), port)
        if not is_running(found):
            if found is None:
                api.create_volume(names.traffic_volume(target), labels=names.target_labels(target))
                _create(api, name, proxy_request(target, port, settings, subnet))
            _start(api, name, f"{settings.bind}:{port}", made=found is None)
        _await_admin_socket(api, name)
    return found is None


def start(api: docker.APIClient, name: str) -> None:
    """Start a proxy that was stopped, from its newest map."""
    api.start(name)
    _await_admin_socket(api, name)


def refuse_other_port(target: Target, found: int | None, wanted: int) -> None:
    """Raises BadInput where the proxy already publishes another port."""
    if found != wanted:
        raise BadInput(
            f"{target}: the port of a running environment cannot be changed",
            found=str(wanted),
            allowed=str(found),
            next_step="set environments.*.port back, or remove the environment's containers first",
        )


def _create(api: docker.APIClient, name: str, request: JsonObject) -> None:
    try:
        api.create_container_from_config(request, name)
    except NotFound as error:
        raise ImageMissing(
            f"the front proxy's image {request['Image']} is not on the engine",
            found=str(error.explanation)[:200],
            next_step="make up builds it, or set the block's proxy_image",
        ) from error


def _start(api: docker.APIClient, name: str, address: str, *, made: bool) -> None:
    try:
        api.start(name)
    except APIError as error:
        if made:
            api.remove_container(name, force=True)
        text = str(error.explanation)
        if "already allocated" in text or "already in use" in text or "bind" in text:
            raise BadInput(
                f"address {address} is taken by another program",
                found=text[:300],
                allowed="a free port",
                next_step="choose another environments.*.port in slipway.yaml, or free this one",
            ) from error
        raise StepFailed(f"the front proxy {name} did not start", found=text[:300]) from error


def _await_admin_socket(api: docker.APIClient, name: str) -> None:
    """HAProxy opens its socket some milliseconds after its container started."""
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            docker_session.read_routes(api, name)
        except Unreachable as error:
            if time.monotonic() > until:
                logs = api.logs(name, tail=20).decode(errors="replace").splitlines()
                error.evidence = tuple(logs)
                raise
            time.sleep(0.1)
        else:
            return
