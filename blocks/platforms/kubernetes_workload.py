"""The Deployment of one service, as the API takes it. Pure.

The pod template depends on the specification alone: going back to an earlier one finds its
ReplicaSet by content, and `kubectl rollout history` shows it.
"""

from collections.abc import Iterable

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_scaling import autoscale_of
from slipway.canonical import JsonObject, canonical_json
from slipway.errors import BadInput
from slipway.release import ReleaseSpec, ServiceSpec

SECRETS_PATH = "/run/secrets"
SECRETS_VOLUME = "slipway-secrets"
PORT_NAME = "http"
# A pod that ends is taken out of the Service first and keeps answering meanwhile.
DRAIN_SECONDS = 5
READY_PERIOD_SECONDS = 2
LIVE_PERIOD_SECONDS = 10
WRITABLE_LIMIT = "64Mi"


def deployment(spec: ReleaseSpec, service: ServiceSpec, candidate: str) -> JsonObject:
    """The Deployment: by digest, restricted, probed; one deadline, also written into the object.

    Args:
        candidate: for people's eyes, on the object alone.

    Raises:
        BadInput: the service would run as root.
    """
    labels = names.service_labels(spec.target, service.name)
    colour = {names.RELEASE: spec.id} if spec.strategy == names.BLUE_GREEN else {}
    scale = {} if autoscale_of(spec) else {"replicas": service.replicas}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": names.deployment_name(spec, service),
            "namespace": names.namespace_of(spec),
            "labels": {**labels, names.RELEASE: spec.id},
            "annotations": annotations(spec, candidate),
        },
        "spec": {
            **scale,
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": max(spec.health.deadline_seconds, 2),
            "minReadySeconds": 1,
            "paused": False,
            "strategy": strategy(spec),
            "selector": {
                "matchLabels": {**names.pod_selector(spec.target, service.name), **colour}
            },
            "template": {
                "metadata": {"labels": {**labels, names.RELEASE: spec.id}},
                "spec": pod(spec, service),
            },
        },
    }


def canary_deployment(
    spec: ReleaseSpec, service: ServiceSpec, candidate: str, pods: int
) -> JsonObject:
    """So many pods of the release beside the stable set, which the same Service reaches.

    They carry a label more, so that their own Deployment alone, and the preview, select them.
    """
    made = deployment(spec, service, candidate)
    track = {names.TRACK: names.CANARY}
    template, selector = made["spec"]["template"], made["spec"]["selector"]["matchLabels"]
    labels = {**template["metadata"]["labels"], **track}
    metadata = {
        "name": names.canary_name(service),
        "labels": {**made["metadata"]["labels"], **track},
    }
    return {
        **made,
        "metadata": {**made["metadata"], **metadata},
        "spec": {
            **made["spec"],
            "replicas": pods,
            "selector": {"matchLabels": {**selector, **track}},
            "template": {**template, "metadata": {"labels": labels}},
        },
    }


def annotations(spec: ReleaseSpec, candidate: str) -> dict[str, str]:
    """What only Slipway knows of a release, and what `kubectl rollout history` shows of it."""
    return {
        names.CANDIDATE: candidate,
        names.CHANGE_CAUSE: f"slipway release {spec.id}",
        names.SETTINGS: canonical_json(settings_of(spec)).decode(),
    }


def settings_of(spec: ReleaseSpec) -> dict[str, str]:
    """Settings that no field of a Kubernetes object holds."""
    health = spec.health
    return {
        "front": spec.front,
        "strategy": spec.strategy,
        "health.expect": ",".join(map(str, health.expect)),
        "health.bake": f"{health.bake_millis}ms",
        "health.hits": str(health.hits),
        **weights_of(spec),
        **{f"secrets.{name}": version for name, version in spec.secrets.items()},
        **_smoke(spec),
    }


def weights_of(spec: ReleaseSpec) -> dict[str, str]:
    """The weights of a canary, each with its time."""
    weights = spec.kubernetes.canary if spec.kubernetes else ()
    told = [f"{one.weight} % {one.hold_millis}ms" for one in weights]
    return {"canary": ",".join(told)} if told else {}


def _smoke(spec: ReleaseSpec) -> dict[str, str]:
    wanted = spec.kubernetes.smoke if spec.kubernetes else None
    return {"smoke": canonical_json(wanted.model_dump(mode="json")).decode()} if wanted else {}


def strategy(spec: ReleaseSpec) -> JsonObject:
    if spec.strategy == "recreate":
        return {"type": "Recreate"}
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def pod(spec: ReleaseSpec, service: ServiceSpec) -> JsonObject:
    """The pod's specification, within Pod Security `restricted`."""
    user = checked_user(service)
    return {
        "serviceAccountName": names.account_of(spec),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": service.stop_seconds + DRAIN_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": user,
            "fsGroup": user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container(spec, service)],
        "volumes": volumes(spec, service),
    }


def container(spec: ReleaseSpec, service: ServiceSpec) -> JsonObject:
    """The one container: limits are requests, so a pod gets what was measured for it."""
    limits = {
        "cpu": f"{service.resources.cpu_millis}m",
        "memory": str(service.resources.memory_bytes),
    }
    made: JsonObject = {
        "name": service.name,
        "image": service.image,
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": limits, "limits": dict(limits)},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
        "volumeMounts": mounts(spec, service),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if service.command:
        made["args"] = list(service.command)
    if service.config:
        made["envFrom"] = [{"configMapRef": {"name": names.config_name(service)}}]
    if service.port:
        made["ports"] = [{"name": PORT_NAME, "containerPort": service.port, "protocol": "TCP"}]
        made |= probes(spec, service)
    return made


def probes(spec: ReleaseSpec, service: ServiceSpec) -> JsonObject:
    """Liveness and readiness; the start has all the time of the one deadline.

    Only the front service is asked by HTTP: the health paths are its own.
    """
    health = spec.health
    live, ready = (ask(path, spec, service) for path in (health.path, health.ready))
    return {
        "startupProbe": {
            **live,
            "periodSeconds": 1,
            "failureThreshold": max(health.deadline_seconds, 1),
            "timeoutSeconds": 3,
        },
        "livenessProbe": {
            **live,
            "periodSeconds": LIVE_PERIOD_SECONDS,
            "failureThreshold": 3,
            "timeoutSeconds": 5,
        },
        "readinessProbe": {
            **ready,
            "periodSeconds": READY_PERIOD_SECONDS,
            "failureThreshold": 2,
            "timeoutSeconds": 3,
        },
    }


def ask(path: str, spec: ReleaseSpec, service: ServiceSpec) -> JsonObject:
    if service.name != spec.front:
        return {"tcpSocket": {"port": PORT_NAME}}
    return {"httpGet": {"path": path, "port": PORT_NAME, "scheme": "HTTP"}}


def volumes(spec: ReleaseSpec, service: ServiceSpec) -> list[JsonObject]:
    """The secrets of the release, and memory for what the container may write."""
    made: list[JsonObject] = [
        {"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": WRITABLE_LIMIT}}
        for name, _ in writable(service)
    ]
    if spec.secrets:
        secret = {"secretName": names.secrets_name(spec), "defaultMode": 0o440}
        made.append({"name": SECRETS_VOLUME, "secret": secret})
    return made


def mounts(spec: ReleaseSpec, service: ServiceSpec) -> list[JsonObject]:
    made: list[JsonObject] = [{"name": n, "mountPath": path} for n, path in writable(service)]
    if spec.secrets:
        made.append({"name": SECRETS_VOLUME, "mountPath": SECRETS_PATH, "readOnly": True})
    return made


def writable(service: ServiceSpec) -> Iterable[tuple[str, str]]:
    """Volume name and path of each folder in memory, in order of the paths."""
    return [(f"writable-{number}", path) for number, path in enumerate(sorted(service.writable))]


def checked_user(service: ServiceSpec) -> int:
    """The numeric user.

    Raises:
        BadInput: root, or a name whose number only the image knows.
    """
    if not service.user.isdecimal() or int(service.user) == 0:
        raise BadInput(
            f"service {service.name} needs a numeric user other than root",
            found=service.user,
            allowed="1 to 999999999, as in 65532",
            next_step=f"set images.{service.name}.user in slipway.yaml",
        )
    return int(service.user)
