"""The fields of a release: as the specification says, and as the cluster's objects say. Pure.

`observed_fields` reads back what the builders asked for, so that a release that runs as specified
shows no difference.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from kubernetes.utils.quantity import parse_quantity

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_gateway import route_fields, routes
from blocks.platforms.kubernetes_hardening import HARDENED, hardening
from blocks.platforms.kubernetes_scaling import observed_replicas, targeted, wanted_replicas
from blocks.platforms.kubernetes_supporting import ingresses
from blocks.platforms.kubernetes_workload import (
    DRAIN_SECONDS,
    SECRETS_VOLUME,
    settings_of,
)
from slipway.canonical import JsonObject, canonical_json
from slipway.quantities import format_memory
from slipway.release import ReleaseSpec, ServiceSpec

ABSENT = "(absent)"
STRATEGIES = {"Recreate": "recreate", "RollingUpdate": "rolling"}


def spec_fields(spec: ReleaseSpec) -> dict[str, str]:
    """The fields that a cluster shows where the specification runs."""
    health = spec.health
    fields = {
        **settings_of(spec),
        "namespace": names.namespace_of(spec),
        "service_account": names.account_of(spec),
        "port": str(spec.port),
        **_way_in(spec),
        "health.path": health.path,
        "health.ready": health.ready,
        "health.deadline": f"{max(health.deadline_seconds, 2)}s",
    }
    for service in spec.services:
        own = _service_fields(service) | {"replicas": wanted_replicas(spec, service)}
        fields |= _prefixed(service.name, own)
    return fields


def _way_in(spec: ReleaseSpec) -> dict[str, str]:
    """The type of the front Service, each Ingress and each route."""
    own = spec.kubernetes.service_type if spec.kubernetes else "ClusterIP"
    return {"service_type": own} | _ingress_fields(ingresses(spec)) | route_fields(routes(spec))


def _ingress_fields(found: Iterable[JsonObject]) -> dict[str, str]:
    fields = {}
    for made in found:
        name, spec = made["metadata"]["name"], made["spec"]
        shown = {key: spec[key] for key in ("ingressClassName", "rules", "tls") if spec.get(key)}
        fields[f"ingress.{name}"] = canonical_json(shown).decode()
    return fields


def with_objects(
    fields: Mapping[str, str],
    deployments: Iterable[JsonObject],
    scalers: Sequence[JsonObject],
    ingresses: Iterable[JsonObject],
    routes: Iterable[JsonObject] = (),
) -> dict[str, str]:
    """With what stands beside the workloads: autoscalers' bounds, Ingresses and routes."""
    ways = _ingress_fields(ingresses) | route_fields(routes)
    found = {**fields, **(ways if fields else {})}
    for made in deployments:
        name = made["metadata"]["labels"].get(names.SERVICE, made["metadata"]["name"])
        scaler = targeted(scalers, "Deployment", made["metadata"]["name"])
        found[f"{name}.replicas"] = observed_replicas(made, scaler)
    return found


def _service_fields(service: ServiceSpec) -> dict[str, str]:
    shape = {
        "image": service.digest,
        "replicas": str(service.replicas),
        "memory": _memory(service.resources.memory_bytes),
        "cpu": f"{service.resources.cpu_millis}m",
        "user": service.user,
        "hardening": HARDENED,
        "stop": f"{service.stop_seconds}s",
    }
    if service.port:
        shape["port"] = str(service.port)
    if service.command:
        shape["command"] = _argv(service.command)
    if service.writable:
        shape["writable"] = ",".join(sorted(service.writable))
    return shape | {f"config.{key}": value for key, value in service.config.items()}


def observed_fields(
    deployments: Sequence[JsonObject],
    services: Mapping[str, JsonObject],
    configs: Mapping[str, JsonObject],
    running: Mapping[str, Iterable[str]],
) -> dict[str, str]:
    """The fields of one release.

    Args:
        deployments: of the release that serves.
        services: Services by name. configs: ConfigMaps by name.
        running: digests that pods run, by the name of their service.
    """
    fields: dict[str, str] = {}
    for deployment in deployments:
        name = deployment["metadata"]["labels"].get(names.SERVICE, deployment["metadata"]["name"])
        fields |= _settings(deployment)
        found = _deployment_fields(deployment, configs)
        found["image"] = " and ".join(sorted({found["image"], *running.get(name, ())}))
        fields |= _prefixed(name, found)
        if name == fields.get("front"):
            fields |= _front_fields(deployment, services.get(name))
    return fields


def _settings(deployment: JsonObject) -> dict[str, str]:
    metadata, template = deployment["metadata"], deployment["spec"]["template"]["spec"]
    settings: dict[str, str] = json.loads(
        (metadata.get("annotations") or {}).get(names.SETTINGS) or "{}"
    )
    kind = STRATEGIES.get(deployment["spec"]["strategy"]["type"], "unknown")
    if settings.get("strategy") not in (names.BLUE_GREEN, names.CANARY) or kind != "rolling":
        settings["strategy"] = kind
    account = str(template.get("serviceAccountName") or "default")
    return {**settings, "namespace": metadata["namespace"], "service_account": account}


def _front_fields(deployment: JsonObject, service: JsonObject | None) -> dict[str, str]:
    own = deployment["spec"]["template"]["spec"]["containers"][0]
    ports = (service or {}).get("spec", {}).get("ports") or []
    return {
        "port": ",".join(str(port["port"]) for port in ports) or ABSENT,
        "service_type": str((service or {}).get("spec", {}).get("type", ABSENT)),
        "health.path": _probe_path(own, "livenessProbe"),
        "health.ready": _probe_path(own, "readinessProbe"),
        "health.deadline": f"{deployment['spec'].get('progressDeadlineSeconds')}s",
    }


def _probe_path(own: JsonObject, probe: str) -> str:
    return str(((own.get(probe) or {}).get("httpGet") or {}).get("path", ABSENT))


def _deployment_fields(deployment: JsonObject, configs: Mapping[str, JsonObject]) -> dict[str, str]:
    spec = deployment["spec"]
    template = spec["template"]["spec"]
    own = template["containers"][0]
    image = str(own["image"])
    fields = {
        "image": image.partition("@")[2] or image,
        "replicas": str(spec.get("replicas")),
        "memory": _amount(own, "memory", lambda amount: _memory(int(amount))),
        "cpu": _amount(own, "cpu", lambda amount: f"{int(amount * 1000)}m"),
        "user": str((template.get("securityContext") or {}).get("runAsUser", ABSENT)),
        "hardening": hardening(template),
        "stop": f"{template.get('terminationGracePeriodSeconds', 0) - DRAIN_SECONDS}s",
    }
    if spec.get("paused"):
        fields["paused"] = "true"
    if ports := own.get("ports"):
        fields["port"] = ",".join(str(port["containerPort"]) for port in ports)
    if command := [*(own.get("command") or []), *(own.get("args") or [])]:
        fields["command"] = _argv(command)
    if writable := _writable(template, own):
        fields["writable"] = ",".join(writable)
    if len(template["containers"]) > 1:
        fields["containers"] = ",".join(c["name"] for c in template["containers"])
    return fields | {f"config.{k}": v for k, v in _environment(own, configs).items()}


def _amount(own: JsonObject, kind: str, text: Any) -> str:
    resources = own.get("resources") or {}
    found = {side: (resources.get(side) or {}).get(kind) for side in ("limits", "requests")}
    texts = {
        side: text(Decimal(parse_quantity(amount))) if amount else "none"
        for side, amount in found.items()
    }
    if texts["limits"] == texts["requests"]:
        return str(texts["limits"])
    return f"{texts['limits']}, requested {texts['requests']}"


def _writable(template: JsonObject, own: JsonObject) -> list[str]:
    memory = {v["name"] for v in template.get("volumes") or [] if "emptyDir" in v}
    return sorted(m["mountPath"] for m in own.get("volumeMounts") or [] if m["name"] in memory)


def _environment(own: JsonObject, configs: Mapping[str, JsonObject]) -> dict[str, str]:
    found: dict[str, str] = {}
    for source in own.get("envFrom") or []:
        name = (source.get("configMapRef") or {}).get("name")
        if name and name in configs:
            found |= configs[name].get("data") or {}
        else:
            found[f"({name or 'unknown source'})"] = ABSENT
    for entry in own.get("env") or []:
        found[entry["name"]] = str(entry.get("value", "(by reference)"))
    return found


def secret_names(deployment: JsonObject) -> list[str]:
    """The Secrets that the pods mount as ours."""
    volumes = deployment["spec"]["template"]["spec"].get("volumes") or []
    return [v["secret"]["secretName"] for v in volumes if v["name"] == SECRETS_VOLUME]


def _memory(amount: int) -> str:
    return f"{amount}B" if amount % 1024 else format_memory(amount)


def _argv(argv: Iterable[str]) -> str:
    return canonical_json(list(argv)).decode()


def _prefixed(prefix: str, fields: Mapping[str, str]) -> dict[str, str]:
    return {f"{prefix}.{key}": value for key, value in fields.items()}
