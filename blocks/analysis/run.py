"""Carrying out an analysis. Only a pass of every check lets the release on."""

from collections.abc import Callable, Mapping
from functools import partial

import httpx

from blocks.analysis import checks
from blocks.analysis.asking import Asker, client
from blocks.analysis.checks import Outcome
from slipway.analysis import Analysis, Check, HttpCheck, PrometheusCheck, SyntheticCheck, Verdict
from slipway.canonical import JsonObject
from slipway.errors import AnalysisFailed, AnalysisUnclear, StepFailed
from slipway.explanations import printable
from slipway.platform import StepContext
from slipway.release import ReleaseSpec

OpenTransport = Callable[[], httpx.BaseTransport | None]


def names_of(spec: ReleaseSpec) -> dict[str, str]:
    """What queries may refer to."""
    return {
        "app": spec.target.app,
        "environment": spec.target.environment,
        "release": spec.id,
    }


def analyse(
    analysis: Analysis,
    address: str,
    context: StepContext,
    names: Mapping[str, str],
    transport: OpenTransport = lambda: None,
) -> JsonObject:
    """Make the checks in their order; the first that does not pass ends it.

    Args:
        address: of the release, as in http://127.0.0.1:8001, without a path.
        names: see `names_of`.
        transport: opens the way to the release, where it is not plain TCP (`tunnels.Tunnels`).

    Returns:
        JSON without floats: the verdict, and of each check what was measured.

    Raises:
        AnalysisFailed: a check measured worse than its limits.
        AnalysisUnclear: it is inconclusive or saw no traffic; nothing is said against the release.
        Superseded, Interrupted: this holder must stop.
    """
    made: list[JsonObject] = []
    evidence: list[str] = []
    release = Asker(lambda: client(transport()), context.check)
    outside = Asker(partial(client, trust_env=True), context.check, is_outside=True)
    try:
        for check in analysis.checks:
            outcome = _made(check, release, outside, address, names, context)
            line = printable(f"{check.name}: {outcome.verdict}: {outcome.said}")
            context.note(f"analysis {line}")
            made.append(_on_record(check, outcome))
            if outcome.verdict is not Verdict.PASS:
                raise red(check, outcome, [*evidence, *outcome.lines])
            evidence.append(line)
    finally:
        release.close()
        outside.close()
    return {"verdict": str(Verdict.PASS), "checks": made}


def _made(
    check: Check,
    release: Asker,
    outside: Asker,
    address: str,
    names: Mapping[str, str],
    context: StepContext,
) -> Outcome:
    match check:
        case HttpCheck():
            return checks.http(check, release, address, context)
        case SyntheticCheck():
            return checks.synthetic(check, release, address, context)
        case PrometheusCheck():
            return checks.prometheus(check, outside, names, context)


def _on_record(check: Check, outcome: Outcome) -> JsonObject:
    return {
        "name": check.name,
        "kind": check.kind,
        "verdict": str(outcome.verdict),
        "said": printable(outcome.said),
        **outcome.measured,
    }


def red(check: Check, outcome: Outcome, evidence: list[str]) -> StepFailed:
    """The error of a check that did not pass."""
    kind = AnalysisFailed if outcome.verdict is Verdict.FAIL else AnalysisUnclear
    return kind(
        f"analysis {check.name} ({check.kind}): {outcome.verdict}",
        found=printable(outcome.said),
        allowed=outcome.allowed,
        next_step=_next_step(check, outcome.verdict),
        evidence=[printable(line) for line in evidence],
        cause=outcome.cause,
    )


def _next_step(check: Check, verdict: Verdict) -> str:
    if verdict is Verdict.FAIL:
        return "mend the app, or the limits of the check, and release again"
    if isinstance(check, SyntheticCheck):
        return "give the check more requests or more time, and release again"
    if verdict is Verdict.NO_TRAFFIC:
        return "correct the query, or put a synthetic check before it, and release again"
    return "see that the server answers the query with one number, and release again"
