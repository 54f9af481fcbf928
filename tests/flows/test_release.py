"""The stories as operators run them, on platforms in memory and a real Prefect server."""

import pytest

from flows.deploy import deploy
from flows.release import release
from slipway.errors import BadInput
from slipway.history import Outcome
from tests.fakes.site import Site

pytestmark = pytest.mark.prefect


async def test_release_takes_the_same_candidate_through_environments(site: Site) -> None:
    """S2-02, S2-04, DC-03: one digest, and nobody is asked where no gate wants an approval."""
    candidate = site.push("a")

    results = await release(candidate=candidate, through="stage", requested_by="ci")

    assert [(r.target.environment, r.outcome) for r in results] == [
        ("dev", Outcome.RELEASED),
        ("stage", Outcome.RELEASED),
    ]
    assert {r.candidate for r in results} == {candidate}
    assert not site.place("prod").actions


async def test_second_trigger_changes_nothing(site: Site) -> None:
    """E1: an unchanged candidate is one release."""
    candidate = site.push("a")
    await release(candidate=candidate, through="stage", requested_by="ci")
    before = list(site.place("stage").actions)

    results = await release(candidate=candidate, through="stage", requested_by="ci")

    assert {r.outcome for r in results} == {Outcome.UNCHANGED}
    assert site.place("stage").actions == before


async def test_unknown_environment_is_refused_before_anything_runs(site: Site) -> None:
    with pytest.raises(BadInput, match="no such environment"):
        await release(candidate=site.push("a"), through="moon", requested_by="ci")
    assert not site.place("dev").actions


async def test_deploy_is_shown_step_by_step(site: Site) -> None:
    await deploy(candidate=site.push("a"), environment="dev", requested_by="ci")
    assert site.place("dev").serving
