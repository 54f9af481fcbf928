"""What the releases of this stack made on the engine, known from its ledger, and its removal."""

from pathlib import Path

import docker
from docker.errors import APIError, NotFound
from docker.models.containers import Container
from docker.models.volumes import Volume

APP_LABEL, ENVIRONMENT_LABEL = "slipway.app", "slipway.environment"

Target = tuple[str, str]


def released_targets(ledger: Path) -> list[Target]:
    """App and environment of each chain in a ledger's folder."""
    return sorted(
        (folder.parent.parent.name, folder.parent.name) for folder in ledger.glob("*/*/records")
    )


def serving(engine: docker.DockerClient, ledger: Path) -> list[Target]:
    """The targets of this ledger that have containers."""
    return [t for t in released_targets(ledger) if _containers(engine, t)]


def remove_apps(engine: docker.DockerClient, ledger: Path) -> list[Target]:
    """Remove containers, networks and volumes of this ledger's targets, and of no other."""
    removed = []
    for target in released_targets(ledger):
        containers = _containers(engine, target)
        for container in containers:
            container.remove(force=True, v=True)
        for network in engine.networks.list(filters=_filter(target)):
            network.remove()
        for volume in engine.volumes.list(filters=_filter(target)):
            _remove_volume(volume)
        if containers:
            removed.append(target)
    return removed


def _containers(engine: docker.DockerClient, target: Target) -> list[Container]:
    return engine.containers.list(all=True, filters=_filter(target), ignore_removed=True)


def _filter(target: Target) -> dict[str, str | list[str] | bool]:
    app, environment = target
    return {"label": [f"{APP_LABEL}={app}", f"{ENVIRONMENT_LABEL}={environment}"]}


def _remove_volume(volume: Volume) -> None:
    try:
        volume.remove(force=True)
    except (NotFound, APIError):
        # a container of somebody else uses it
        return
