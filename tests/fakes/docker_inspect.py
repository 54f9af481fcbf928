"""What an engine tells of containers that were made from our requests, without an engine."""

import copy
from typing import Any

from blocks.platforms import docker_names as names
from blocks.platforms.docker_containers import Maker, container_request
from blocks.platforms.docker_observe import Seen
from blocks.platforms.docker_traffic import Routes
from slipway.release import Health, ReleaseSpec, Resources, ServiceSpec, Target

MIB = 2**20


def web(**changes) -> ServiceSpec:
    return ServiceSpec(
        **{
            "name": "web",
            "image": f"127.0.0.1:5055/shop/web@sha256:{'1' * 64}",
            "user": "65532",
            "resources": Resources(memory_bytes=128 * MIB, cpu_millis=500, pids=64),
            "replicas": 2,
            "port": 8000,
            "command": ("python3", "-m", "web"),
            "config": {"ZONE": "eu", "GREETING": "hello"},
            "writable": ("/tmp",),
            **changes,
        }
    )


def spec(*services: ServiceSpec, **changes) -> ReleaseSpec:
    return ReleaseSpec(
        **{
            "target": Target(app="shop", environment="prod"),
            "services": services or (web(),),
            "front": "web",
            "port": 8080,
            "secrets": {"database-url": "v3"},
            "health": Health(),
            **changes,
        }
    )


IMAGE = {
    "Config": {"Env": ["PATH=/usr/bin"], "Cmd": ["python3"]},
    "RepoDigests": [f"127.0.0.1:5055/shop/web@sha256:{'1' * 64}"],
}


def request_of(wanted: ReleaseSpec, replica: int) -> dict[str, Any]:
    return container_request(
        wanted,
        wanted.services[0],
        replica,
        maker=Maker(7, f"127.0.0.1:5055/shop@sha256:{'9' * 64}"),
        health_seconds=5,
        address=f"10.213.7.{16 + replica}",
    )


def inspected(wanted: ReleaseSpec, replica: int = 0, address: str = "10.213.4.16") -> dict:
    """What an engine tells of a container made from our request."""
    request = copy.deepcopy(request_of(wanted, replica))
    host, networking = request.pop("HostConfig"), request.pop("NetworkingConfig")
    edge = {"IPAMConfig": {"IPv4Address": address}, "IPAddress": address}
    request["Env"] = ["PATH=/usr/bin", *request["Env"]]
    return {
        "Id": f"id-{wanted.id}-{replica}",
        "Name": "/" + names.container_name(wanted, "web", replica),
        "Image": "sha256:image",
        "RestartCount": 0,
        "State": {"Running": True, "Status": "running", "ExitCode": 0},
        "Config": request,
        "HostConfig": host,
        "NetworkSettings": {
            "Networks": {**networking["EndpointsConfig"], names.edge_name(wanted.target): edge}
        },
    }


def proxy() -> dict:
    return {
        "Id": "proxy",
        "Name": "/slipway.shop.prod.proxy",
        "Image": "sha256:proxy",
        "State": {"Running": True},
        "Config": {"Labels": {}},
        "HostConfig": {"PortBindings": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}},
        "NetworkSettings": {"Networks": {}},
    }


def seen(wanted: ReleaseSpec, **changes) -> Seen:
    services = (inspected(wanted, 0), inspected(wanted, 1, "10.213.4.17"))
    routes = Routes(7, 3, ("10.213.4.16:8000", "10.213.4.17:8000"))
    parts = {"services": services, "images": {"sha256:image": IMAGE}, "proxy": proxy()}
    return Seen(**{**parts, "routes": routes, **changes})
