"""Which cluster the tests use, as the environment says.

SLIPWAY_TEST_KUBECONTEXT   an existing one by its context (kind, minikube, k3d); then also
SLIPWAY_TEST_KUBEREGISTRY  host:port of a registry that its nodes and this machine reach by
                           that name, without a login
SLIPWAY_TEST_CLUSTER       folder of a cluster that `python -m tests.cluster up` brought up;
                           it is left running
none of them               one of the tests' own, in the folder of this run
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CONTEXT = "SLIPWAY_TEST_KUBECONTEXT"
REGISTRY = "SLIPWAY_TEST_KUBEREGISTRY"
FOLDER = "SLIPWAY_TEST_CLUSTER"
HOME = "SLIPWAY_TEST_HOME"


@dataclass(frozen=True)
class Choice:
    """An existing context with its registry, or the folder of a cluster of our own."""

    context: str = ""
    registry: str = ""
    folder: Path = Path("/tmp/slipway-cluster")
    is_kept: bool = True


def choose(environment: Mapping[str, str]) -> Choice:
    """What the environment asks for."""
    if context := environment.get(CONTEXT):
        return Choice(context=context, registry=environment.get(REGISTRY, ""))
    if folder := environment.get(FOLDER):
        return Choice(folder=Path(folder).absolute())
    if home := environment.get(HOME):
        return Choice(folder=Path(home) / "cluster", is_kept=False)
    return Choice()


def lacks_registry(choice: Choice) -> str | None:
    """Why an existing cluster cannot be used, with the next step, or nothing."""
    if not choice.context or choice.registry.startswith("127.0.0.1:"):
        return None
    return (
        f"{CONTEXT}={choice.context} without {REGISTRY}: name a registry, as 127.0.0.1:PORT, "
        "that this machine and the cluster's nodes reach by that name without a login"
    )
