"""The two files of variables that `up` writes: one for the tier that runs, one for the builders.

They name places; a password or key is named by its file, never by its value.
"""

from collections.abc import Mapping
from pathlib import Path

from slipway.cli.stack.prefect import client_environment
from slipway.cli.stack.registry import Registry
from slipway.cli.stack.settings import StackSettings
from slipway.cli.stack.trivy import TrivySettings


def runtime_environment(settings: StackSettings) -> dict[str, str]:
    """For the worker, the keeper, and an operator's shell."""
    registry = Registry(settings)
    return {
        **client_environment(settings),
        **settings.cluster_environment,
        "SLIPWAY_STATE": str(settings.state),
        "SLIPWAY_LEDGER": str(settings.state / "ledger"),
        "SLIPWAY_REGISTRY": settings.registry,
        "SLIPWAY_REGISTRY_USERNAME": "puller",
        "SLIPWAY_REGISTRY_PASSWORD_FILE": str(registry.password_file("puller")),
        "SLIPWAY_STACK_NAME": settings.name,
        "SLIPWAY_STACK_STATE": str(settings.state),
        "SLIPWAY_STACK_REGISTRY_PORT": str(settings.registry_port),
        "SLIPWAY_STACK_PREFECT_PORT": str(settings.prefect_port),
        "SLIPWAY_STACK_POOL": settings.pool,
    }


def build_environment(
    settings: StackSettings, trivy: TrivySettings, bases: Mapping[str, str]
) -> dict[str, str]:
    """For whoever builds, scans and pushes; `bases` maps a base image to its pinned reference."""
    registry = Registry(settings)
    pinned = {f"SLIPWAY_BUILD_BASE_{name.upper()}": ref for name, ref in bases.items()}
    return {
        "SLIPWAY_BUILD_REGISTRY": settings.registry,
        "SLIPWAY_BUILD_REGISTRY_USERNAME": "pusher",
        "SLIPWAY_BUILD_REGISTRY_PASSWORD_FILE": str(registry.password_file("pusher")),
        "SLIPWAY_BUILD_SIGNING_KEY": str(signing_key_file(settings)),
        "SLIPWAY_BUILD_TRIVY": str(trivy.binary),
        "SLIPWAY_BUILD_TRIVY_CACHE": str(trivy.cache_dir),
        "SLIPWAY_BUILD_TRIVY_DATABASE": trivy.database_label,
        **pinned,
    }


def signing_key_file(settings: StackSettings) -> Path:
    """The private key of this stack's builds."""
    return settings.secrets / "build-key.pem"
