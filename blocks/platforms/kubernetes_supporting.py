"""Everything beside the Deployments, as the API takes it. Pure."""

import base64
from collections.abc import Mapping

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_workload import PORT_NAME
from slipway.appfile_objects import Ingress
from slipway.canonical import JsonObject, canonical_json
from slipway.release import ReleaseSpec, ServiceSpec, Target

LEASE_SECONDS = 15


def namespace(spec: ReleaseSpec) -> JsonObject:
    """Made where it is absent; one that somebody made stays as it is."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": names.namespace_of(spec),
            "labels": {
                **names.target_labels(spec.target),
                "pod-security.kubernetes.io/enforce": "restricted",
            },
        },
    }


def service_account(spec: ReleaseSpec) -> JsonObject:
    """The pods' account; it gets no token."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata(spec, names.account_of(spec)),
        "automountServiceAccountToken": False,
    }


def config_map(spec: ReleaseSpec, service: ServiceSpec) -> JsonObject:
    """One version of a service's config; never changed, named by its content."""
    labels = names.service_labels(spec.target, service.name)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {**_metadata(spec, names.config_name(service)), "labels": labels},
        "immutable": True,
        "data": dict(service.config),
    }


def secret(spec: ReleaseSpec, values: Mapping[str, str]) -> JsonObject:
    """One set of secret versions; never changed, named by the versions. Holds values."""
    metadata = _metadata(spec, names.secrets_name(spec))
    versions = canonical_json(dict(spec.secrets)).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {**metadata, "annotations": {names.VERSIONS: versions}},
        "type": "Opaque",
        "immutable": True,
        "data": {k: base64.b64encode(v.encode()).decode() for k, v in values.items()},
    }


def service(spec: ReleaseSpec, wanted: ServiceSpec) -> JsonObject:
    """The Service of one service. Users reach the front one at the release's port."""
    port = spec.port if wanted.name == spec.front else wanted.port
    colour = {names.RELEASE: spec.id} if spec.strategy == names.BLUE_GREEN else {}
    labels = names.service_labels(spec.target, wanted.name)
    own = spec.kubernetes.service_type if spec.kubernetes and wanted.name == spec.front else None
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            **_metadata(spec, wanted.name),
            "labels": {**labels, names.RELEASE: spec.id},
        },
        "spec": {
            "type": own or "ClusterIP",
            "selector": {**names.pod_selector(spec.target, wanted.name), **colour},
            "ports": [
                {"name": PORT_NAME, "port": port, "targetPort": PORT_NAME, "protocol": "TCP"}
            ],
        },
    }


def preview(spec: ReleaseSpec) -> JsonObject:
    """The Service that leads to this release alone, wherever the traffic goes."""
    made = service(spec, spec.front_service)
    labels = {**made["metadata"]["labels"], names.TRACK: names.PREVIEW}
    selector = {**made["spec"]["selector"], names.RELEASE: spec.id}
    return {
        **made,
        "metadata": {**made["metadata"], "name": names.preview_name(spec), "labels": labels},
        "spec": {**made["spec"], "selector": selector},
    }


def previews(spec: ReleaseSpec) -> list[JsonObject]:
    """The preview, where the strategy has one."""
    return [preview(spec)] if names.has_preview(spec) else []


def disruption_budget(spec: ReleaseSpec, wanted: ServiceSpec) -> JsonObject:
    """Maintenance takes one pod at a time."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {
            **_metadata(spec, wanted.name),
            "labels": names.service_labels(spec.target, wanted.name),
        },
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": names.pod_selector(spec.target, wanted.name)},
        },
    }


def network_policy(spec: ReleaseSpec, wanted: ServiceSpec) -> JsonObject:
    """Who may connect: everybody to the front service's port, its own app to the others."""
    own = {"podSelector": {"matchLabels": {names.APP: spec.target.app}}}
    is_front = wanted.name == spec.front
    rule: JsonObject = {"ports": [{"port": PORT_NAME, "protocol": "TCP"}]}
    if not is_front:
        rule["from"] = [own]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            **_metadata(spec, wanted.name),
            "labels": names.service_labels(spec.target, wanted.name),
        },
        "spec": {
            "podSelector": {"matchLabels": names.pod_selector(spec.target, wanted.name)},
            "policyTypes": ["Ingress"],
            "ingress": [rule] if wanted.port else [],
        },
    }


def ingress(spec: ReleaseSpec, wanted: Ingress) -> JsonObject:
    """The way from outside to the front Service."""
    backend = {"service": {"name": spec.front, "port": {"name": PORT_NAME}}}
    path = {"path": wanted.path, "pathType": "Prefix", "backend": backend}
    made: JsonObject = {"rules": [{"host": wanted.host, "http": {"paths": [path]}}]}
    if wanted.class_name:
        made["ingressClassName"] = wanted.class_name
    if wanted.tls_secret:
        made["tls"] = [{"hosts": [wanted.host], "secretName": wanted.tls_secret}]
    labels = names.service_labels(spec.target, spec.front)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {**_metadata(spec, spec.front), "labels": labels},
        "spec": made,
    }


def ingresses(spec: ReleaseSpec) -> list[JsonObject]:
    """The one of a release that asks for it."""
    wanted = spec.kubernetes.ingress if spec.kubernetes else None
    return [ingress(spec, wanted)] if wanted else []


def lease(target: Target, place: str, token: int, now: str) -> JsonObject:
    """Who deploys, for people, and the fencing token.

    Args:
        place: the namespace.
        now: RFC 3339 with microseconds.
    """
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": names.lease_name(target),
            "namespace": place,
            "labels": names.target_labels(target),
            "annotations": {names.CLAIM: str(token)},
        },
        "spec": {
            "holderIdentity": f"claim-{token}",
            "leaseDurationSeconds": LEASE_SECONDS,
            "leaseTransitions": token,
            "acquireTime": now,
        },
    }


def supporting_objects(spec: ReleaseSpec) -> list[JsonObject]:
    """What stands beside the workloads, but for config, secrets and Services."""
    made = [service_account(spec)]
    for wanted in spec.services:
        made.append(network_policy(spec, wanted))
        if wanted.replicas > 1:
            made.append(disruption_budget(spec, wanted))
    return made


def services(spec: ReleaseSpec) -> list[JsonObject]:
    """The Services of all services that listen, the front one last."""
    listening = [wanted for wanted in spec.services if wanted.port]
    return [service(spec, w) for w in sorted(listening, key=lambda w: w.name == spec.front)]


def _metadata(spec: ReleaseSpec, name: str) -> JsonObject:
    return {
        "name": name,
        "namespace": names.namespace_of(spec),
        "labels": names.target_labels(spec.target),
    }
