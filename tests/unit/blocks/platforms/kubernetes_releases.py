"""Specifications and API objects for tests of the Kubernetes platform."""

from typing import Any

from blocks.platforms.kubernetes_supporting import config_map, services
from blocks.platforms.kubernetes_workload import deployment
from slipway.canonical import JsonObject
from slipway.release import (
    Health,
    KubernetesSpec,
    ReleaseSpec,
    Resources,
    ServiceSpec,
    Target,
    Weight,
)

DIGEST = f"sha256:{'a' * 64}"
IMAGE = f"registry.example.com/shop@{DIGEST}"
TARGET = Target(app="shop", environment="prod")


def service(name: str = "web", **changed: Any) -> ServiceSpec:
    given: dict[str, Any] = {
        "name": name,
        "image": IMAGE,
        "user": "65532",
        "port": 8000,
        "replicas": 2,
        "resources": Resources(memory_bytes=128 * 2**20, cpu_millis=250, pids=64),
        "config": {"GREETING": "hello"},
        "writable": ("/tmp", "/var/cache"),
    }
    return ServiceSpec(**{**given, **changed})


def release(*services: ServiceSpec, **changed: Any) -> ReleaseSpec:
    given: dict[str, Any] = {
        "target": TARGET,
        "platform": "kubernetes",
        "services": services or (service(),),
        "front": "web",
        "port": 80,
        "strategy": "rolling",
        "secrets": {"database-url": "v7"},
        "health": Health(deadline_seconds=90),
        "kubernetes": on_cluster(),
    }
    return ReleaseSpec(**{**given, **changed})


def weighted(*weights: int) -> dict[str, KubernetesSpec]:
    """Where the release runs, with the weights of a canary."""
    steps = tuple(Weight(weight=one, hold_millis=1000) for one in weights)
    return {
        "kubernetes": KubernetesSpec(namespace="shop-live", service_account="shopper", canary=steps)
    }


def on_cluster(**changed: Any) -> KubernetesSpec:
    return KubernetesSpec(namespace="shop-live", service_account="shopper", **changed)


def as_stored(spec: ReleaseSpec) -> tuple[list[JsonObject], ...]:
    """Deployments, Services and ConfigMaps of the release as the API server would give them."""
    deployments = [deployment(spec, s, "candidate") for s in spec.services]
    for made in deployments:
        made["spec"].setdefault("replicas", 2)
    configs = [config_map(spec, s) for s in spec.services if s.config]
    stored = deployments, services(spec), configs
    for number, made in enumerate(one for kind in stored for one in kind):
        made["metadata"] |= {"uid": f"uid-{number}", "resourceVersion": "7"}
    return stored


def pod(spec: ReleaseSpec, name: str = "web-1", *, ready: bool = True, **status: Any) -> JsonObject:
    """A pod of the release's front service."""
    wanted = spec.front_service
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    template = deployment(spec, wanted, "")["spec"]["template"]
    container = {
        "name": wanted.name,
        "imageID": f"other.example.com/copy@{wanted.digest}",
        "restartCount": 0,
        "ready": ready,
        "state": {"running": {}},
        **status,
    }
    return {
        "kind": "Pod",
        "metadata": {"name": name, "uid": f"uid-{name}", **template["metadata"]},
        "spec": template["spec"],
        "status": {"conditions": [condition], "containerStatuses": [container]},
    }
