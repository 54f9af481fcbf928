"""Whether requests show that the share of errors is below a limit: an exact test. Pure.

The number of requests is fixed before the first one. Shown is what would happen in at most one of
twenty such series if the share were at the limit (binomial distribution, one sided; Clopper and
Pearson, Biometrika 26, 1934). A series ends early only where its outcome is settled, so that
looking after each request costs no certainty (curtailed sampling).
"""

from dataclasses import dataclass
from decimal import Decimal, localcontext

from slipway.analysis import Verdict

CHANCE = Decimal("0.05")
DIGITS = 40


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a number of errors in a series of requests shows.

    Attributes:
        passes: that many or fewer show a share below the limit; -1 where even none does not.
        fails: that many or more show a share above it.
    """

    requests: int
    passes: int
    fails: int


def bounds(requests: int, limit: Decimal) -> Bounds:
    """The bounds of a series."""
    passes, total = -1, Decimal(0)
    for errors, chance in enumerate(_chances(requests, limit, requests)):
        if total >= 1 - CHANCE:
            return Bounds(requests, passes, errors)
        total += chance
        if total <= CHANCE:
            passes = errors
    return Bounds(requests, passes, requests + 1)


def of_share(errors: int, sent: int, series: Bounds) -> Verdict | None:
    """The verdict after that many requests of the series; None while more are needed."""
    if errors >= series.fails:
        return Verdict.FAIL
    if sent < series.requests:
        return None
    return Verdict.PASS if errors <= series.passes else Verdict.INCONCLUSIVE


def needed(errors: int, sent: int, limit: Decimal) -> int:
    """How many more requests, none of them an error, would show a share below the limit."""
    low, high = 0, 1
    while not _is_below(errors, sent + high, limit):
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        shown = _is_below(errors, sent + middle, limit)
        low, high = (low, middle) if shown else (middle + 1, high)
    return low


def _is_below(errors: int, requests: int, limit: Decimal) -> bool:
    return sum(_chances(requests, limit, errors)) <= CHANCE


def _chances(requests: int, limit: Decimal, most: int) -> list[Decimal]:
    """The probabilities of exactly 0 to `most` errors where each request fails with that share."""
    with localcontext(prec=DIGITS):
        chances = [(1 - limit) ** requests]
        odds = limit / (1 - limit)
        for errors in range(most):
            chances.append(chances[-1] * (requests - errors) * odds / (errors + 1))
        return chances
