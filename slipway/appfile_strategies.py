"""What an app file says of strategies that let two releases stand side by side. Pure."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from slipway.appfile_errors import Problem
from slipway.canary import MOST_PODS, canary_pods, carrying_pods
from slipway.strict_yaml import Path

if TYPE_CHECKING:
    from slipway.appfile import AppFile, Environment

SIDE_BY_SIDE = ("blue-green", "canary")


def taken_names(
    appfile: "AppFile", front: str | None, strategy: str, path: Path
) -> Iterator[Problem]:
    """Objects of the new release stand beside those of images, and have names of their own."""
    preview = [f"{front}-preview"] if front else []
    canaries = [f"{image}-canary" for image in appfile.images] if strategy == "canary" else []
    for taken in sorted({*preview, *canaries} & set(appfile.images)):
        yield Problem(path, f"image {taken} has a name that it needs", strategy, "another name")


def weights(appfile: "AppFile") -> Iterator[Problem]:
    """Weights rise, with strategy canary alone, and need no more pods than there may be."""
    for name, environment in appfile.environments.items():
        path: Path = ("environments", name, "canary", "steps")
        if environment.canary.steps and environment.strategy != "canary":
            found = f"strategy {environment.strategy or 'by default'}"
            yield Problem(path, "for strategy canary alone", found, "strategy: canary")
        is_exact = environment.gateway is not None and len(appfile.images) == 1
        yield from _weights(environment, path, carrying_pods if is_exact else canary_pods)


def _weights(
    environment: "Environment", path: Path, pods_of: Callable[[int, int], int]
) -> Iterator[Problem]:
    below = 0
    for number, step in enumerate(environment.canary.steps):
        pods = pods_of(environment.replicas, step.weight)
        here: Path = (*path, number, "weight")
        if step.weight <= below:
            yield Problem(here, "does not rise", str(step.weight), f"{below + 1} to 99")
        elif pods > MOST_PODS:
            what = f"needs {pods} pods beside the {environment.replicas} of the stable set"
            yield Problem(here, what, str(step.weight), f"a weight of at most {MOST_PODS} pods")
        below = step.weight
