"""What a release must show once it is ready: named checks, and how their verdicts are reached.

A verdict is pass, fail, inconclusive or no-traffic. Only pass lets a release on; where nothing was
measured nothing passes. docs/analysis.md tells what people write.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from slipway.frozen import Frozen
from slipway.names import Name

REFERENCES = ("app", "environment", "release")
_REFERENCE = re.compile(r"(\$?)\$\{([^{}]*)\}")
Comparison: TypeAlias = Literal["<", "<=", ">", ">="]


class Verdict(StrEnum):
    """What a measurement, a check or a whole analysis says."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NO_TRAFFIC = "no-traffic"


class HttpCheck(Frozen):
    """`count` requests, one each interval; more than `failures` unexpected statuses fail."""

    kind: Literal["http"] = "http"
    name: Name
    path: str
    expect: tuple[int, ...]
    count: int
    interval_millis: int
    failures: int


class PrometheusCheck(Frozen):
    """`count` queries, one each interval, each answered by one number that is compared.

    Attributes:
        query: PromQL; may hold references, see `filled`.
        threshold: a decimal number as text.
        inconclusive: how many measurements may give no number.
    """

    kind: Literal["prometheus"] = "prometheus"
    name: Name
    address: str
    query: str
    comparison: Comparison
    threshold: str
    count: int
    interval_millis: int
    failures: int
    inconclusive: int


class SyntheticCheck(Frozen):
    """`requests` of our own, one after the other, judged by share of errors and by latency.

    Attributes:
        error_share: a decimal number as text, above 0 and below 1.
        percentile: of the latencies, which may be at most `latency_millis`, where that is given.
        deadline_millis: for all of them.
    """

    kind: Literal["synthetic"] = "synthetic"
    name: Name
    path: str
    expect: tuple[int, ...]
    requests: int
    error_share: str
    percentile: int
    latency_millis: int | None
    deadline_millis: int


Check = Annotated[HttpCheck | PrometheusCheck | SyntheticCheck, Field(discriminator="kind")]


class Analysis(Frozen):
    """The checks of an environment, in the order in which they are made."""

    checks: Annotated[tuple[Check, ...], Field(min_length=1)]


def filled(query: str, names: Mapping[str, str]) -> str:
    """The query with `${app}`, `${environment}` and `${release}` filled in; `$${` is a plain `${`.

    Raises:
        KeyError: it holds another reference. The app file refuses such a query.
    """

    def value(found: re.Match[str]) -> str:
        return f"${{{found[2]}}}" if found[1] else names[found[2]]

    return _REFERENCE.sub(value, query)


def references(query: str) -> list[str]:
    """The names that a query refers to."""
    return [found[2] for found in _REFERENCE.finditer(query) if not found[1]]


def is_met(value: Decimal, comparison: Comparison, threshold: str) -> bool:
    """Whether the value compares as it should."""
    limit = Decimal(threshold)
    met: dict[Comparison, bool] = {
        "<": value < limit,
        "<=": value <= limit,
        ">": value > limit,
        ">=": value >= limit,
    }
    return met[comparison]


def of_series(
    measured: Sequence[Verdict], count: int, failures: int, inconclusive: int = 0
) -> Verdict | None:
    """The verdict of the measurements so far; None while more are needed.

    Args:
        count: of measurements in all. failures: how many may fail. inconclusive: how many may
            give nothing to judge, whether inconclusive or without traffic.
    """
    found = Counter(measured)
    empty = found[Verdict.NO_TRAFFIC] + found[Verdict.INCONCLUSIVE]
    if found[Verdict.FAIL] > failures:
        return Verdict.FAIL
    if empty > inconclusive or (len(measured) >= count and not found[Verdict.PASS]):
        return Verdict.INCONCLUSIVE if found[Verdict.INCONCLUSIVE] else _of_nothing(found)
    return Verdict.PASS if len(measured) >= count else None


def _of_nothing(found: Mapping[Verdict, int]) -> Verdict:
    return Verdict.NO_TRAFFIC if found[Verdict.NO_TRAFFIC] else Verdict.FAIL


def percentile(sorted_values: Sequence[int], percent: int) -> int:
    """The value below or at which that percentage lies, by nearest rank."""
    return sorted_values[-(-percent * len(sorted_values) // 100) - 1]
