"""Each kind of check: measured until its verdict is clear."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from blocks.analysis.asking import Answer, Asker
from slipway.analysis import (
    HttpCheck,
    PrometheusCheck,
    SyntheticCheck,
    Verdict,
    filled,
    of_series,
    percentile,
)
from slipway.analysis_prometheus import Reading, read
from slipway.analysis_share import bounds, needed, of_share
from slipway.canonical import JsonObject
from slipway.errors import Cause
from slipway.platform import StepContext

TRIES = 3
PAUSE_SECONDS = 0.5
NOTE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a check ended.

    Attributes:
        said: what was found, in words.
        allowed: what would have passed.
        measured: what is put on record: JSON without floats.
        lines: one for each measurement, oldest first.
        cause: of a verdict other than pass.
    """

    verdict: Verdict
    said: str
    allowed: str
    measured: JsonObject
    lines: tuple[str, ...] = ()
    cause: Cause = Cause.VERIFICATION


def http(check: HttpCheck, asker: Asker, address: str, context: StepContext) -> Outcome:
    """Requests to the release, one each interval."""
    measured: list[Verdict] = []
    answers: list[Answer] = []
    wanted = " or ".join(map(str, check.expect))
    while (verdict := of_series(measured, check.count, check.failures)) is None:
        until = time.monotonic() + check.interval_millis / 1000
        answer = asker.get(address + check.path)
        answers.append(answer)
        measured.append(Verdict.PASS if answer.status in check.expect else Verdict.FAIL)
        context.note(f"{check.name}: {answer} in {answer.millis} ms: {measured[-1]}")
        if len(measured) < check.count:
            _sleep(until, context)
    rows = [
        {"verdict": str(v), "status": a.status, "millis": a.millis}
        for v, a in zip(measured, answers, strict=True)
    ]
    failed = measured.count(Verdict.FAIL)
    return Outcome(
        verdict,
        f"{failed} of {len(measured)} requests to {check.path} not answered as expected"
        + (f", last {answers[-1]}" if failed else ""),
        f"{wanted}, but for {check.failures} of {check.count}",
        {"measurements": rows},
        tuple(f"{a} in {a.millis} ms" for a in answers),
    )


def prometheus(
    check: PrometheusCheck, asker: Asker, names: Mapping[str, str], context: StepContext
) -> Outcome:
    """Queries, one each interval."""
    readings: list[Reading] = []
    query = filled(check.query, names)
    while True:
        verdict = of_series(
            [r.verdict for r in readings], check.count, check.failures, check.inconclusive
        )
        if verdict:
            break
        until = time.monotonic() + check.interval_millis / 1000
        readings.append(_measure(check, query, asker, context))
        context.note(f"{check.name}: {readings[-1].said}: {readings[-1].verdict}")
        if len(readings) < check.count:
            _sleep(until, context)
    last = next((r for r in reversed(readings) if r.verdict is verdict), readings[-1])
    return Outcome(
        verdict,
        last.said,
        f"a number {check.comparison} {check.threshold}",
        {"measurements": [{"verdict": str(r.verdict), "value": r.said} for r in readings]},
        tuple(f"{r.verdict}: {r.said}" for r in readings),
        last.cause,
    )


def _measure(check: PrometheusCheck, query: str, asker: Asker, context: StepContext) -> Reading:
    """One measurement; a server that does not answer is asked up to TRIES times."""
    url = f"{check.address}/api/v1/query"
    answer = asker.get(url, {"query": query})
    for _ in range(TRIES - 1):
        if 0 < answer.status < 500:
            break
        _sleep(time.monotonic() + PAUSE_SECONDS, context)
        answer = asker.get(url, {"query": query})
    if not answer.status:
        said = f"{check.address} does not answer: {answer.text}"
        return Reading(Verdict.INCONCLUSIVE, said, Cause.NETWORK)
    return read(check, answer.status, answer.body)


@dataclass
class _Tally:
    """What our own requests found so far."""

    check: SyntheticCheck
    statuses: Counter[str] = field(default_factory=Counter)
    millis: list[int] = field(default_factory=list)
    errors: int = 0
    last_error: str = ""

    def count(self, answer: Answer) -> None:
        self.millis.append(answer.millis)
        self.statuses[str(answer.status)] += 1
        if answer.status not in self.check.expect:
            self.errors += 1
            self.last_error = str(answer)

    @property
    def sent(self) -> int:
        return len(self.millis)

    @property
    def needed(self) -> int:
        """How many more requests, all of them well, would show the share."""
        return needed(self.errors, self.sent, Decimal(self.check.error_share))

    def words(self) -> str:
        text = f"{self.errors} errors in {self.sent} of {self.check.requests} requests"
        return f"{text}, last {self.last_error}" if self.errors else text


def synthetic(check: SyntheticCheck, asker: Asker, address: str, context: StepContext) -> Outcome:
    """Requests of our own, until the share of errors is clear."""
    series = bounds(check.requests, Decimal(check.error_share))
    tally, started = _Tally(check), time.monotonic()
    noted = started
    verdict = None
    while verdict is None:
        tally.count(asker.get(address + check.path))
        now = time.monotonic()
        verdict = of_share(tally.errors, tally.sent, series)
        if verdict is None and now - started > check.deadline_millis / 1000:
            verdict = Verdict.INCONCLUSIVE
        if now - noted > NOTE_SECONDS:
            noted = now
            context.note(f"{check.name}: {tally.words()}; {tally.needed} more are needed")
    return _of_tally(check, tally, verdict)


def _of_tally(check: SyntheticCheck, tally: _Tally, verdict: Verdict) -> Outcome:
    times = sorted(tally.millis)
    found = percentile(times, check.percentile)
    more = tally.needed if verdict is Verdict.INCONCLUSIVE else 0
    is_slow = check.latency_millis is not None and found > check.latency_millis
    said = f"{tally.words()}, {check.percentile} % within {found} ms"
    if more:
        said += f"; {more} more without an error are needed"
    allowed = f"less than {check.error_share} of them errors"
    if check.latency_millis is not None:
        allowed += f", {check.percentile} % within {check.latency_millis} ms"
    return Outcome(
        Verdict.FAIL if is_slow and verdict is Verdict.PASS else verdict,
        said,
        allowed,
        {
            "requests": tally.sent,
            "errors": tally.errors,
            "statuses": dict(sorted(tally.statuses.items())),
            "percentile_millis": found,
            "slowest_millis": times[-1],
            "still_needed": more,
        },
    )


def _sleep(until: float, context: StepContext) -> None:
    """Sleep, never past a second without a check."""
    while (left := until - time.monotonic()) > 0:
        context.check()
        time.sleep(min(left, PAUSE_SECONDS))
