"""Names and labels of everything that Slipway makes on a Docker engine. Pure.

Names are built from app, environment and spec id, so every step finds its effect by content. The
dot cannot be part of an app's or environment's name, so no two targets share a name.
"""

from slipway.release import ReleaseSpec, Target

APP = "slipway.app"
ENVIRONMENT = "slipway.environment"
RELEASE = "slipway.release"
CANDIDATE = "slipway.candidate"
SERVICE = "slipway.service"
REPLICA = "slipway.replica"
TOKEN = "slipway.token"  # noqa: S105 - the name of a label
SECRETS = "slipway.secrets"
SETTINGS = "slipway.settings"
CONFIG_KEYS = "slipway.config-keys"
COMMAND = "slipway.command"
ROLE = "slipway.role"

PROXY_ROLE = "proxy"
SERVICE_ROLE = "service"


def stem(target: Target) -> str:
    """What every name of the target starts with."""
    return f"slipway.{target.app}.{target.environment}"


def proxy_name(target: Target) -> str:
    return f"{stem(target)}.proxy"


def edge_name(target: Target) -> str:
    """The network between the proxy and the front service of every release."""
    return f"{stem(target)}.edge"


def traffic_volume(target: Target) -> str:
    """The volume that keeps the proxy's maps."""
    return f"{stem(target)}.traffic"


def release_network(spec: ReleaseSpec) -> str:
    """The network in which the services of one release find each other by name."""
    return f"{stem(spec.target)}.{spec.id}"


def container_name(spec: ReleaseSpec, service: str, replica: int) -> str:
    return f"{stem(spec.target)}.{spec.id}.{service}.{replica}"


def secrets_volume(spec: ReleaseSpec, user: str) -> str:
    """The volume of one set of secret versions, readable by one user."""
    return f"{stem(spec.target)}.secrets.{spec.secrets_id}.{user}"


def secrets_volumes(spec: ReleaseSpec) -> list[str]:
    """All secrets volumes that the specification needs, in order."""
    if not spec.secrets:
        return []
    return sorted({secrets_volume(spec, service.user) for service in spec.services})


def target_labels(target: Target) -> dict[str, str]:
    return {APP: target.app, ENVIRONMENT: target.environment}


def release_labels(spec: ReleaseSpec) -> dict[str, str]:
    return {**target_labels(spec.target), RELEASE: spec.id}


def label_filter(labels: dict[str, str]) -> dict[str, list[str]]:
    """The engine's filter for things that carry all these labels."""
    return {"label": [f"{key}={value}" for key, value in labels.items()]}
