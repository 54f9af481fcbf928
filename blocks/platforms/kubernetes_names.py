"""Names and labels of everything that Slipway makes on a cluster. Pure.

An environment has a namespace of its own, so objects are named as people read them in the app
file; labels say whose they are, and a spec id says which release.
"""

from collections.abc import Mapping

from slipway.canonical import content_digest
from slipway.names import short_digest
from slipway.release import ReleaseSpec, ServiceSpec, Target

APP = "slipway.dev/app"
ENVIRONMENT = "slipway.dev/environment"
SERVICE = "slipway.dev/service"
RELEASE = "slipway.dev/release"
CANDIDATE = "slipway.dev/candidate"
CLAIM = "slipway.dev/claim"
SETTINGS = "slipway.dev/settings"
VERSIONS = "slipway.dev/secret-versions"
CHANGE_CAUSE = "kubernetes.io/change-cause"
RECORD = "slipway.dev/record"
TRIED_BY = "slipway.dev/tried-by"
MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "slipway"
TRACK = "slipway.dev/track"
CANARY_OF = "slipway.dev/canary-of"
BLUE_GREEN = "blue-green"
CANARY = "canary"
PREVIEW = "preview"


def default_namespace(target: Target) -> str:
    """The namespace of an environment that names none."""
    return f"{target.app}-{target.environment}"


def namespace_of(spec: ReleaseSpec) -> str:
    return spec.kubernetes.namespace if spec.kubernetes else default_namespace(spec.target)


def account_of(spec: ReleaseSpec) -> str:
    """The service account of the pods."""
    return spec.kubernetes.service_account if spec.kubernetes else spec.target.app


def lease_name(target: Target) -> str:
    """The lease that shows people who deploys, and carries the fencing token."""
    return f"slipway-{target.app}-{target.environment}"


def deployment_name(spec: ReleaseSpec, service: ServiceSpec) -> str:
    """Two colours stand beside each other, so there each release has a name of its own."""
    return f"{service.name}-{spec.id}" if spec.strategy == BLUE_GREEN else service.name


def canary_name(service: ServiceSpec) -> str:
    """The Deployment beside the stable one, of whichever release comes in."""
    return f"{service.name}-{CANARY}"


def service_of(labels: Mapping[str, str]) -> str | None:
    """The service whose image a pod runs; a canary may be behind a Service of its own."""
    return labels.get(CANARY_OF) or labels.get(SERVICE)


def preview_name(spec: ReleaseSpec) -> str:
    """The Service that shows a release before it gets traffic, or all of it."""
    return f"{spec.front}-{PREVIEW}"


def has_preview(spec: ReleaseSpec) -> bool:
    """Whether two releases may stand side by side."""
    return spec.strategy in (BLUE_GREEN, CANARY)


def config_name(service: ServiceSpec) -> str:
    """The immutable ConfigMap of one service: another content, another name."""
    return f"{service.name}-config-{short_digest(content_digest(dict(service.config)))}"


def secrets_name(spec: ReleaseSpec) -> str:
    """The immutable Secret of one set of versions."""
    return f"{spec.target.app}-secrets-{spec.secrets_id}"


def record_name(spec: ReleaseSpec) -> str:
    """The immutable ConfigMap that tells what manifests a release applied."""
    return f"{spec.target.app}-release-{spec.id}"


def smoke_name(spec: ReleaseSpec) -> str:
    """The Job that tests a release."""
    return f"{spec.front}-smoke-{spec.id}"


def target_labels(target: Target) -> dict[str, str]:
    """On every object that is ours."""
    return {
        APP: target.app,
        ENVIRONMENT: target.environment,
        "app.kubernetes.io/part-of": target.app,
        MANAGED_BY: MANAGER,
    }


def service_labels(target: Target, service: str) -> dict[str, str]:
    """On the objects and pods of one service."""
    return {
        **target_labels(target),
        SERVICE: service,
        "app.kubernetes.io/name": service,
        "app.kubernetes.io/instance": f"{target.app}-{target.environment}",
    }


def pod_selector(target: Target, service: str) -> dict[str, str]:
    """What a workload and a Service select by; it can never be changed, so it holds the least."""
    return {APP: target.app, ENVIRONMENT: target.environment, SERVICE: service}


def selector_text(labels: dict[str, str]) -> str:
    """A label selector as the API takes it."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def target_selector(target: Target) -> str:
    return selector_text({APP: target.app, ENVIRONMENT: target.environment})


def owned_selector(target: Target) -> str:
    """Objects that Slipway itself applied; an operator may label its own with the app as well."""
    labels = {APP: target.app, ENVIRONMENT: target.environment, MANAGED_BY: MANAGER}
    return selector_text(labels)
