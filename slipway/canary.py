"""A canary: the new release takes a share of the traffic first, weight by weight. Pure.

By replica weight a Service spreads connections over all its pods, so the share of the new release
is its share of the pods. Where an HTTPRoute sets the weights, a gateway spreads the requests, and
the pods only have to carry their share. The stable set keeps every replica at every weight: the way
back is to take the canary away, and nothing has to start for it.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from slipway.appfile_fields import Section
from slipway.quantities import Duration

MOST_PODS = 64


class CanaryStep(Section):
    """One weight of a canary."""

    weight: Annotated[int, Field(ge=1, le=99)]
    """Percent of the traffic that goes to the new release; more than at the step before."""
    hold: Duration = timedelta(seconds=10)
    """How long it is watched and asked at this weight."""


class Canary(Section):
    """How traffic moves with strategy `canary`."""

    steps: Annotated[tuple[CanaryStep, ...], Field(max_length=10)] = Field(default_factory=tuple)
    """Rising weights, with strategy `canary` alone; by default 10 and 50, for 10s each."""


DEFAULT = Canary(steps=(CanaryStep(weight=10), CanaryStep(weight=50)))


def canary_pods(stable: int, weight: int) -> int:
    """How many pods beside a whole stable set come nearest to that share; at least one.

    Args:
        stable: pods of the stable set, 1 or more. weight: percent, 1 to 99.
    """
    others = 100 - weight
    return max(1, (2 * stable * weight + others) // (2 * others))


def carrying_pods(stable: int, weight: int) -> int:
    """How many pods carry that share of the requests as the stable set carries all of them.

    Args:
        stable: pods of the stable set, 1 or more. weight: percent, 1 to 99.
    """
    return -(-stable * weight // 100)


def share(stable: int, canary: int) -> int:
    """The canary's share of all pods in whole percent."""
    return round(100 * canary / (stable + canary))
