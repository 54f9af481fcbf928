"""Checks of a release as the app file writes them, what they must agree on, and what they mean.

docs/analysis.md explains them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from slipway import analysis
from slipway.analysis import REFERENCES, Analysis, Comparison, references
from slipway.analysis_share import bounds, needed
from slipway.appfile_errors import Problem, closest
from slipway.appfile_fields import DecimalText, HttpAddress, Section, Share, UrlPath
from slipway.names import Name
from slipway.quantities import Duration, format_duration, millis
from slipway.strict_yaml import Path

LONGEST = timedelta(hours=1)
KINDS = ("http", "prometheus", "synthetic")
Count = Annotated[int, Field(ge=1, le=100)]
Tolerated = Annotated[int, Field(ge=0, le=99)]
Expected = Annotated[
    tuple[Annotated[int, Field(ge=100, le=599)], ...], Field(min_length=1, max_length=20)
]


class HttpCheck(Section):
    """Requests to the release, one by one, each of them answered as expected."""

    path: UrlPath
    """What is asked."""
    expect: Expected = (200,)
    """Statuses that pass; any other answer, or none, fails."""
    count: Count = 5
    """How often."""
    interval: Duration = timedelta(seconds=1)
    """Time between the beginnings of two requests."""
    failures: Tolerated = 0
    """How many may fail."""

    def specified(self, name: Name) -> analysis.HttpCheck:
        return analysis.HttpCheck(
            name=name,
            path=self.path,
            expect=self.expect,
            count=self.count,
            interval_millis=millis(self.interval),
            failures=self.failures,
        )


class PrometheusCheck(Section):
    """Queries to a Prometheus server, each of them answered by one number."""

    address: HttpAddress
    """The server, as the machine that deploys reaches it; SLIPWAY_ANALYSIS_HOSTS has to name it."""
    query: Annotated[str, Field(min_length=1, max_length=4000)]
    """PromQL that gives one number; `${app}`, `${environment}` and `${release}` are filled in."""
    comparison: Comparison
    """`<`, `<=`, `>` or `>=`: how the number must compare with the threshold."""
    threshold: DecimalText
    """A decimal number, in quotes."""
    count: Count = 3
    """How often."""
    interval: Duration = timedelta(seconds=10)
    """Time between the beginnings of two queries."""
    failures: Tolerated = 0
    """How many may compare otherwise."""
    inconclusive: Tolerated = 0
    """How many may give no number: no answer, no valid one, or no data."""

    def specified(self, name: Name) -> analysis.PrometheusCheck:
        return analysis.PrometheusCheck(
            name=name,
            address=self.address,
            query=self.query,
            comparison=self.comparison,
            threshold=self.threshold,
            count=self.count,
            interval_millis=millis(self.interval),
            failures=self.failures,
            inconclusive=self.inconclusive,
        )


class SyntheticCheck(Section):
    """Requests that Slipway itself sends to the release, one after the other."""

    path: UrlPath
    """What is asked."""
    expect: Expected = (200,)
    """Statuses that are no errors; no answer is one."""
    requests: Annotated[int, Field(ge=1, le=10_000)] = 300
    """How many; enough to show the share of errors."""
    error_share: Share = "0.01"
    """Limit of the share of errors, in quotes; the requests must show that it is undercut."""
    percentile: Annotated[int, Field(ge=1, le=100)] = 95
    """Percentage of the requests whose latency is judged."""
    latency: Duration | None = None
    """What they may take at most, the way there through the platform included."""
    within: Duration = timedelta(minutes=1)
    """Time for all requests."""

    def specified(self, name: Name) -> analysis.SyntheticCheck:
        return analysis.SyntheticCheck(
            name=name,
            path=self.path,
            expect=self.expect,
            requests=self.requests,
            error_share=self.error_share,
            percentile=self.percentile,
            latency_millis=millis(self.latency) if self.latency else None,
            deadline_millis=millis(self.within),
        )


class Check(Section):
    """One of the three kinds."""

    http: HttpCheck | None = None
    """Requests to the release, one by one, each of them answered as expected."""
    prometheus: PrometheusCheck | None = None
    """Queries to a Prometheus server, each of them answered by one number."""
    synthetic: SyntheticCheck | None = None
    """Requests that Slipway itself sends to the release, one after the other."""

    def specified(self, name: Name) -> list[analysis.Check]:
        """The check as it is put on record; `problems` lets none in that has no kind."""
        given = self.http or self.prometheus or self.synthetic
        return [given.specified(name)] if given else []


def problems(checks: Mapping[str, Check]) -> Iterator[Problem]:
    """What contradicts something else; paths begin with the check's name."""
    for name, check in checks.items():
        given = [kind for kind in KINDS if getattr(check, kind)]
        if len(given) != 1:
            allowed = "one of " + ", ".join(KINDS)
            yield Problem((name,), "not one kind of check", ", ".join(given) or "none", allowed)
        for problem in (
            *(_of_http(check.http) if check.http else ()),
            *(_of_prometheus(check.prometheus) if check.prometheus else ()),
            *(_of_synthetic(check.synthetic) if check.synthetic else ()),
        ):
            yield replace(problem, path=(name, *problem.path))


def specification(checks: Mapping[str, Check]) -> Analysis | None:
    """The checks as they are put on record; None where there are none."""
    made = tuple(one for name, check in checks.items() for one in check.specified(name))
    return Analysis(checks=made) if made else None


def _of_http(check: HttpCheck) -> Iterator[Problem]:
    yield from _too_long(("http", "interval"), check.count, check.interval)
    if check.failures >= check.count:
        yield _all_tolerated(("http", "failures"), check.failures, check.count)


def _of_prometheus(check: PrometheusCheck) -> Iterator[Problem]:
    yield from _too_long(("prometheus", "interval"), check.count, check.interval)
    tolerated = check.failures + check.inconclusive
    if tolerated >= check.count:
        field = "inconclusive" if check.inconclusive else "failures"
        yield _all_tolerated(("prometheus", field), tolerated, check.count)
    for name in references(check.query):
        if name not in REFERENCES:
            path, allowed = ("prometheus", "query"), ", ".join(f"${{{r}}}" for r in REFERENCES)
            near = closest(name, list(REFERENCES))
            yield Problem(path, "no such reference", ascii(name[:80]), allowed, near)


def _of_synthetic(check: SyntheticCheck) -> Iterator[Problem]:
    limit = Decimal(check.error_share)
    if bounds(check.requests, limit).passes < 0:
        yield Problem(
            ("synthetic", "requests"),
            f"too few to show a share of errors below {check.error_share}, even without an error",
            found=str(check.requests),
            allowed=f"{needed(0, 0, limit)} or more",
        )
    for field, time in (("within", check.within), ("latency", check.latency)):
        if time == timedelta(0):
            yield Problem(("synthetic", field), "no time at all", "0", "1ms or more")
    yield from _too_long(("synthetic", "within"), 1, check.within)


def _too_long(path: Path, count: int, interval: timedelta) -> Iterator[Problem]:
    if count * interval > LONGEST:
        found = f"{count} times {format_duration(interval)}"
        yield Problem(path, "takes too long", found, f"{format_duration(LONGEST)} in all")


def _all_tolerated(path: Path, tolerated: int, count: int) -> Problem:
    return Problem(path, "no measurement would have to pass", str(tolerated), f"less than {count}")
