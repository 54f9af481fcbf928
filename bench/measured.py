"""Two ways measured in turns, and what the rounds say. No figure here is of any machine."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Act = Callable[[], object]


@dataclass(frozen=True)
class Result:
    """Seconds of ours and of the plain way in each round.

    Attributes:
        goal: as in P5.
        name: what was measured. plain_name: what it was measured against.
        plain: empty where only ours exists.
        most: what the ratio of the medians may be.
        longest: seconds that the median of ours may take.
        unit: of the numbers; `s` where they are seconds.
    """

    goal: str
    name: str
    plain_name: str
    ours: tuple[float, ...]
    plain: tuple[float, ...] = ()
    most: float | None = None
    longest: float | None = None
    unit: str = "s"

    @property
    def ratio(self) -> float | None:
        """Of the medians; None where there is nothing to compare with."""
        beside = statistics.median(self.plain) if self.plain else 0.0
        return statistics.median(self.ours) / beside if beside else None

    @property
    def shares(self) -> list[float]:
        """How much of each limit was used; above 1 a goal is missed."""
        used = [self.ratio / self.most] if self.ratio is not None and self.most else []
        if self.longest is not None:
            over = statistics.median(self.ours)
            used.append(over / self.longest if self.longest else 2.0 * (over > 0))
        return used

    @property
    def is_met(self) -> bool | None:
        """None where nothing was asked for."""
        return max(self.shares) <= 1 if self.shares else None

    def row(self) -> dict[str, Any]:
        """As it is kept, with what the page shows."""
        return asdict(self) | {"ratio": self.ratio, "met": self.is_met}


def result_of(row: dict[str, Any]) -> Result:
    """The result that `row` was made of."""
    given = {key: value for key, value in row.items() if key not in ("ratio", "met")}
    return Result(**{**given, "ours": tuple(row["ours"]), "plain": tuple(row["plain"])})


def in_turns(rounds: int, *acts: Act, warm: bool = True) -> list[tuple[float, ...]]:
    """Seconds of each act, in each round one after the other.

    Args:
        warm: run each once before, unmeasured.
    """
    for act in acts if warm else ():
        act()
    taken = [tuple(seconds(act) for act in acts) for _ in range(rounds)]
    return list(zip(*taken, strict=True))


def seconds(act: Act, times: int = 1) -> float:
    """What one of that many runs took, on average."""
    began = time.perf_counter()
    for _ in range(times):
        act()
    return (time.perf_counter() - began) / times


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed, by linear interpolation."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
