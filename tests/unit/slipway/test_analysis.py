"""Verdicts of analyses, from tables; nothing that was not measured passes (N19)."""

import asyncio
import json
from decimal import Decimal
from fractions import Fraction
from math import comb
from pathlib import Path

import pytest
import yaml

from slipway import markdown
from slipway.analysis import Analysis, Verdict, filled, is_met, of_series, percentile, references
from slipway.analysis_prometheus import read
from slipway.analysis_share import Bounds, bounds, needed, of_share
from slipway.canonical import canonical_json
from slipway.errors import AnalysisFailed, AnalysisUnclear, ReleaseFailed
from slipway.history import analysed
from slipway.ledger import Kind
from slipway.platform import Stage, Step
from slipway.release import parse_spec
from tests.fakes.world import World, order, spec
from tests.rig import analyses

CASES = yaml.safe_load((Path(__file__).parents[2] / "cases" / "analysis.yaml").read_text())
MEASURED = {
    "p": Verdict.PASS,
    "f": Verdict.FAIL,
    "i": Verdict.INCONCLUSIVE,
    "n": Verdict.NO_TRAFFIC,
}


@pytest.mark.parametrize("case", CASES["bounds"], ids=str)
def test_bounds_of_a_series(case):
    found = bounds(case["requests"], Decimal(case["limit"]))
    assert found == Bounds(case["requests"], case["passes"], case["fails"])


@pytest.mark.parametrize(("requests", "limit"), [(300, "0.01"), (77, "0.03"), (12, "0.5")])
def test_bounds_are_those_of_the_binomial_distribution(requests, limit):
    """As fractions, without rounding."""
    p = Fraction(limit)
    chances = [comb(requests, n) * p**n * (1 - p) ** (requests - n) for n in range(requests + 1)]
    chance, found = Fraction(1, 20), bounds(requests, Decimal(limit))
    assert found.passes == max(
        (n for n in range(requests) if sum(chances[: n + 1]) <= chance), default=-1
    )
    assert found.fails == min(
        (n for n in range(requests + 1) if sum(chances[n:]) <= chance), default=requests + 1
    )


@pytest.mark.parametrize("case", CASES["needed"], ids=str)
def test_requests_that_are_still_needed(case):
    assert needed(case["errors"], case["sent"], Decimal(case["limit"])) == case["more"]


@pytest.mark.parametrize("case", CASES["shares"], ids=str)
def test_verdict_of_a_share(case):
    found = of_share(case["errors"], case["sent"], bounds(300, Decimal("0.01")))
    assert found == case["verdict"]


@pytest.mark.parametrize("case", CASES["series"], ids=str)
def test_verdict_of_a_series(case):
    measured = [MEASURED[letter] for letter in case["measured"]]
    tolerated = case.get("failures", 0), case.get("inconclusive", 0)
    assert of_series(measured, case["count"], *tolerated) == case["verdict"]


@pytest.mark.parametrize("case", CASES["readings"], ids=lambda case: case["name"])
def test_reading_of_an_answer(case):
    text = case.get("text") or json.dumps({"status": "success", "data": case["data"]})
    check = analyses.prometheus("http://prometheus:9090")
    found = read(check, case.get("status", 200), text.encode())
    assert found.verdict == case["verdict"]
    assert case["says"] in found.said
    assert found.cause == case.get("cause", "verification")


def test_an_answer_too_deep_to_read_is_inconclusive():
    check = analyses.prometheus("http://prometheus:9090")
    assert read(check, 200, b"[" * 100_000).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("value", "comparison", "met"),
    [("1", "<", False), ("1", "<=", True), ("1", ">", False), ("1", ">=", True), ("0", "<", True)],
)
def test_comparisons(value, comparison, met):
    assert is_met(Decimal(value), comparison, "1") is met


def test_references_are_filled_in():
    query = 'x{app="${app}",a="$${app}",b=~"/$"}'
    assert references(query) == ["app"]
    assert filled(query, {"app": "shop"}) == 'x{app="shop",a="${app}",b=~"/$"}'


def test_percentile_is_by_nearest_rank():
    assert [percentile([1, 2, 3, 4], p) for p in (1, 25, 26, 75, 95, 100)] == [1, 1, 2, 3, 4, 4]


def test_a_specification_without_analysis_is_written_as_before():
    """Ids of releases on record stay as they are."""
    assert "analysis" not in spec("a").model_dump(mode="json")
    checks = (analyses.http(), analyses.synthetic(), analyses.prometheus("http://p:9090"))
    analysed = spec("a", analysis=Analysis(checks=checks))
    assert analysed.id != spec("a").id
    body = json.loads(canonical_json(analysed.model_dump(mode="json")))
    assert parse_spec(body) == analysed


class Analysed:
    """The memory platform with one more step, which judges."""

    def __init__(self, world, error=None, seen=None):
        self.inner, self.error, self.judged = world.platform, error, []
        self.seen = seen or {"verdict": "pass"}

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def forward(self, wanted, previous):
        def judge(context):
            self.judged.append(wanted.id)
            if self.error:
                raise self.error
            return self.seen

        return [
            *self.inner.forward(wanted, previous),
            Step("release analysed", Stage.ANALYSE, judge),
        ]


@pytest.mark.parametrize(
    ("error", "is_quarantined"),
    [(AnalysisFailed("analysis: fail"), True), (AnalysisUnclear("analysis: no-traffic"), False)],
    ids=["worse than its limits", "not judged"],
)
def test_what_does_not_pass_goes_back(tmp_path, error, is_quarantined):
    """Only what was measured badly is held against the candidate."""
    world = World(tmp_path)
    asyncio.run(world.engine().deploy(order("a")))
    platform = Analysed(world, error)
    with pytest.raises(ReleaseFailed, match=str(error)):
        asyncio.run(world.engine(platform=platform).deploy(order("b")))
    assert world.platform.serving == spec("a").id
    assert platform.judged == [spec("b").id]
    assert (Kind.QUARANTINE in world.kinds()) is is_quarantined


def test_what_each_check_said_is_read_from_the_records(tmp_path):
    world = World(tmp_path)
    said = {"name": "errors", "verdict": "pass", "said": "0 errors | in 60"}
    platform = Analysed(world, seen={"verdict": "pass", "checks": [said]})
    result = asyncio.run(world.engine(platform=platform).deploy(order("a")))
    lines = analysed(world.records(), result.token)
    assert lines == ["errors: pass: 0 errors | in 60"]
    assert analysed(world.records(), result.token + 1) == []
    (row,) = [r for r in markdown.summary(result, 1.0, lines).splitlines() if "Analysis" in r]
    assert "errors: pass: 0 errors" in row


def test_a_way_back_is_not_judged(tmp_path):
    """It depends on nobody who measures."""
    world = World(tmp_path)
    platform = Analysed(world)
    for version in "ab":
        asyncio.run(world.engine(platform=platform).deploy(order(version)))
    assert platform.judged == [spec("a").id, spec("b").id]
    asyncio.run(world.engine(platform=platform).rollback("ann", "because"))
    assert world.platform.serving == spec("a").id
    assert platform.judged == [spec("a").id, spec("b").id]
