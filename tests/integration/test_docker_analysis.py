"""Analyses on a real engine: what breaks under traffic goes back, what is unknown goes nowhere."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.analysis import Analysis
from slipway.errors import ReleaseFailed
from slipway.ledger import Kind
from slipway.release import ReleaseSpec
from tests.fakes.prometheus import FakePrometheus, serving
from tests.rig import analyses, doomed
from tests.rig.docker_world import World
from tests.rig.doomed import Site

pytestmark = pytest.mark.engine


@pytest.fixture
def site(world: World, tmp_path: Path) -> Site:
    return Site(world, tmp_path)


@pytest.fixture
def prometheus() -> Iterator[FakePrometheus]:
    with serving(FakePrometheus()) as made:
        yield made


def spec(site: Site, version: str, mode: str, analysis: Analysis) -> ReleaseSpec:
    plain = site.world.spec(version, mode, bake_millis=100)
    return plain.model_copy(update={"analysis": analysis})


def refused(site: Site, bad: ReleaseSpec) -> None:
    with pytest.raises(ReleaseFailed):
        asyncio.run(site.engine().deploy(doomed.order(bad)))


def test_a_release_that_breaks_under_synthetic_traffic_is_restored(site: Site) -> None:
    """N19: its health answers well; the verdict is on record, and the way back is not analysed."""
    wanted = analyses.analysis(analyses.http(), analyses.synthetic())
    good = spec(site, "good", "ok", wanted)
    site.deploy(good)
    (passed,) = analyses.observed(site.records())
    assert passed["verdict"] == "pass"
    assert [check["verdict"] for check in passed["checks"]] == ["pass", "pass"]
    assert passed["checks"][1]["requests"] == 124
    refused(site, spec(site, "bad", "faulty:3", wanted))
    assert site.world.get() == "200 good"
    assert site.serving == good.id
    assert len(analyses.observed(site.records())) == 1
    why = analyses.failed(site.records())
    assert why["stage"] == "analyse"
    assert why["cause"] == "verification"
    assert "analysis errors (synthetic): fail; found: 11 errors in " in why["summary"]
    assert "answers: pass: " in why["evidence"][0]
    assert Kind.QUARANTINE in [record.kind for record in site.records()]


def test_no_traffic_is_no_pass(site: Site, prometheus: FakePrometheus) -> None:
    """N19: an empty answer lets nothing on, and says nothing against the candidate."""
    good = site.world.spec("good", bake_millis=100)
    site.deploy(good)
    prometheus.says()
    bad = spec(site, "new", "ok", analyses.analysis(analyses.prometheus(prometheus.url)))
    refused(site, bad)
    assert site.world.get() == "200 good"
    assert prometheus.queries == [f'error_share{{release="{bad.id}"}}']
    summary = analyses.failed(site.records())["summary"]
    assert "analysis measured (prometheus): no-traffic; found: the query gives no series" in summary
    assert Kind.QUARANTINE not in [record.kind for record in site.records()]
    prometheus.says("0.01")
    site.deploy(bad)
    assert site.world.get() == "200 new"
    assert analyses.observed(site.records())[0]["checks"][0]["measurements"] == [
        {"verdict": "pass", "value": "0.01"},
        {"verdict": "pass", "value": "0.01"},
    ]
