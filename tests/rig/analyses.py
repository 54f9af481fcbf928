"""Analyses of the test app, and what the ledger tells of them."""

from collections.abc import Sequence

from slipway.analysis import Analysis, HttpCheck, PrometheusCheck, SyntheticCheck
from slipway.canonical import JsonObject
from slipway.ledger import Kind, Record

ANALYSED = "release analysed"


def synthetic(requests: int = 124) -> SyntheticCheck:
    """Shows a share of errors below one of twenty; a busy machine may let two requests down."""
    return SyntheticCheck(
        name="errors",
        path="/version",
        expect=(200,),
        requests=requests,
        error_share="0.05",
        percentile=95,
        latency_millis=30_000,
        deadline_millis=120_000,
    )


def http(failures: int = 1) -> HttpCheck:
    """Two good answers or more of three."""
    return HttpCheck(
        name="answers",
        path="/version",
        expect=(200,),
        count=3,
        interval_millis=50,
        failures=failures,
    )


def prometheus(address: str, count: int = 2) -> PrometheusCheck:
    """Wants less than one of twenty of the requests to fail."""
    return PrometheusCheck(
        name="measured",
        address=address,
        query='error_share{release="${release}"}',
        comparison="<",
        threshold="0.05",
        count=count,
        interval_millis=50,
        failures=0,
        inconclusive=0,
    )


def analysis(*checks: HttpCheck | PrometheusCheck | SyntheticCheck) -> Analysis:
    return Analysis(checks=checks)


def observed(records: Sequence[Record]) -> list[JsonObject]:
    """What each analysis of a release that passed put on record."""
    return [
        record.body["observation"]
        for record in records
        if record.kind is Kind.OBSERVED and record.body["step"] == ANALYSED
    ]


def failed(records: Sequence[Record]) -> JsonObject:
    """The explanation of the last release that failed."""
    return [r.body["explanation"] for r in records if r.kind is Kind.FAILED][-1]
