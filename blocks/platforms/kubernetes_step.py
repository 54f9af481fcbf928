"""What every step on a cluster is made of: settings, a connection of its own, a writer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from blocks.platforms.kubernetes_access import Access
from blocks.platforms.kubernetes_api import ApiRefused, Cluster, refusal
from blocks.platforms.kubernetes_fence import Writer
from blocks.platforms.kubernetes_prove import ProveImage
from slipway.canonical import JsonObject
from slipway.platform import Stage, Step, StepContext
from slipway.release import Target

STEP_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What the platform works with.

    Attributes:
        access: gives a client of the cluster.
        image: proves that an image can be pulled.
    """

    access: Access
    image: ProveImage

    @contextmanager
    def cluster(
        self, patience: float = 10, check: Callable[[], None] = lambda: None
    ) -> Iterator[Cluster]:
        made = Cluster(self.access, patience, check)
        try:
            yield made
        except ApiRefused as error:
            raise refusal("the Kubernetes API", error) from None
        finally:
            made.close()


Act = Callable[[Cluster, StepContext], JsonObject]


def step_of(settings: Settings, name: str, stage: Stage, act: Act) -> Step:
    """A step with a connection of its own."""

    def run(context: StepContext) -> JsonObject:
        context.check()
        with settings.cluster(STEP_PATIENCE, context.check) as cluster:
            return act(cluster, context)

    return Step(name, stage, run)


def writer_of(cluster: Cluster, target: Target, place: str, context: StepContext) -> Writer:
    return Writer(cluster, target, place, context.token)
