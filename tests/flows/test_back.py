"""The way back as operators and the keeper start it: rollback, drill, recovery, verification."""

from datetime import timedelta

import pytest

from flows.deploy import deploy
from flows.promote import promote
from flows.recover import recover
from flows.release import release
from flows.rollback import rollback
from flows.rollback_drill import rollback_drill
from flows.verify import verify
from slipway.errors import (
    CandidateStale,
    ForwardOnly,
    KeyReused,
    ProbeFailed,
    Quarantined,
    ReleaseFailed,
    VerificationFailed,
)
from slipway.history import Outcome, serving_release
from slipway.ledger import Kind, utc_now
from slipway.release import Target
from tests.fakes.site import APPFILE, Site, make_candidate

pytestmark = pytest.mark.prefect
STAGE = Target(app="shop", environment="stage")


@pytest.fixture
async def twice(site: Site) -> Site:
    """Stage runs b; a was verified before it."""
    for version in "ab":
        await release(candidate=site.push(version), through="stage", requested_by="ci")
    return site


def serving(site: Site) -> str:
    found = serving_release(site.ledger(STAGE).records())
    return found.candidate if found else ""


async def test_rollback_returns_to_the_last_verified_release(twice: Site) -> None:
    result = await rollback(app="shop", environment="stage", reason="b is slow", requested_by="op")

    assert result.outcome is Outcome.ROLLED_BACK
    assert serving(twice) == str(make_candidate("a").reference)
    with pytest.raises(Quarantined):
        await deploy(
            candidate=str(make_candidate("b").reference), environment="stage", requested_by="ci"
        )


async def test_drill_goes_back_and_forth_and_is_measured(twice: Site) -> None:
    """D9: the original serves again, and the time to restore is on record."""
    before = serving(twice)

    lines = await rollback_drill(environment="stage", app="shop", requested_by="op")

    assert lines == ["shop/stage: drilled"]
    assert serving(twice) == before
    drill = [r for r in twice.ledger(STAGE).records() if r.kind is Kind.DRILL][-1]
    assert drill.body["budget_millis"] == 10_000
    assert drill.body["within_budget"] is True


async def test_drill_without_an_older_release_skips_itself(site: Site) -> None:
    await release(candidate=site.push("a"), through="stage", requested_by="ci")
    lines = await rollback_drill(environment="stage", app="", requested_by="op")
    assert "skipped" in lines[0]


async def test_missed_drill_is_not_made_up_for(
    twice: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After downtime of a worker all missed runs start together; none of them drills."""
    slot = utc_now() - timedelta(hours=3)
    monkeypatch.setattr("flows.rollback_drill.slot_of_run", lambda: slot)

    lines = await rollback_drill(environment="stage", app="shop", requested_by="schedule")

    assert "180 minutes ago" in lines[0]
    assert not [r for r in twice.ledger(STAGE).records() if r.kind is Kind.DRILL]


async def test_failing_release_is_restored_and_explained(twice: Site) -> None:
    """S2-34: the state of the run says stage, cause and next command; the older release serves."""
    candidate = twice.push("c")
    spec = await broken(twice, candidate)

    state = await deploy(
        candidate=candidate, environment="stage", requested_by="ci", return_state=True
    )

    assert state.is_failed()
    for word in ("stage: ", "settle", "cause: ", "probe", "next: ", "runtime issue"):
        assert word in state.message
    with pytest.raises(ReleaseFailed):
        await state.aresult()
    assert twice.place("stage").serving != spec
    assert serving(twice) == str(make_candidate("b").reference)


async def broken(site: Site, candidate: str) -> str:
    """Make that candidate never become healthy on stage, once dev has verified it."""
    await deploy(candidate=candidate, environment="dev", requested_by="ci")
    spec = site.release(site.candidate(candidate), "stage", "ci").order().spec.id

    def fail(context: object) -> None:
        raise ProbeFailed("web answers 500", evidence=["GET /ready 500"])

    site.place("stage").faults["containers healthy", spec] = fail
    return spec


async def test_verify_names_what_drifted(twice: Site) -> None:
    assert await verify(app="shop", environment="stage")

    place = twice.place("stage")
    place.serving = next(spec for spec in place.running if spec != place.serving)

    with pytest.raises(VerificationFailed, match=r"web\.image"):
        await verify(app="shop", environment="stage")


async def test_promotion_takes_what_was_verified(site: Site) -> None:
    """S2-02: the digest of the environment before, and no other."""
    candidate = site.push("a")
    await deploy(candidate=candidate, environment="dev", requested_by="ci")

    result = await promote(app="shop", from_environment="dev", to="stage", requested_by="op")

    assert (result.outcome, result.candidate) == (Outcome.RELEASED, candidate)


async def test_a_trigger_that_comes_late_is_refused_as_stale(twice: Site) -> None:
    """E3: through each story that deploys; what serves stays, and the reason is on record."""
    older = str(make_candidate("a").reference)
    before = list(twice.place("dev").actions)

    with pytest.raises(CandidateStale, match="older than what serves in shop/dev"):
        await release(candidate=older, through="stage", requested_by="ci")
    with pytest.raises(CandidateStale):
        await deploy(candidate=older, environment="stage", requested_by="ci")

    assert twice.place("dev").actions == before
    last = twice.ledger(STAGE).records()[-1]
    assert last.kind is Kind.REFUSED
    assert "older than what serves" in last.body["explanation"]["summary"]


async def test_a_downgrade_comes_in_where_it_is_allowed(twice: Site) -> None:
    """E3: the parameter of release and of promote; each environment is asked for itself."""
    older = str(make_candidate("a").reference)

    await release(candidate=older, through="dev", requested_by="op", allow_downgrade=True)
    with pytest.raises(CandidateStale, match="shop/stage"):
        await promote(app="shop", from_environment="dev", to="stage", requested_by="op")
    result = await promote(
        app="shop", from_environment="dev", to="stage", requested_by="op", allow_downgrade=True
    )

    assert (result.outcome, serving(twice)) == (Outcome.RELEASED, older)
    claim = [r for r in twice.ledger(STAGE).records() if r.kind is Kind.CLAIM][-1]
    assert "downgrade allowed by op" in str(claim.body["facts"])


async def test_a_rollback_over_a_forward_only_release_wants_a_word(site: Site) -> None:
    """D8: refused upfront, and the drill skips itself; the flow's parameter accepts it."""
    for version, text in (("a", APPFILE), ("b", f"migration: forward-only\n{APPFILE}")):
        await release(candidate=site.push(version, text), through="stage", requested_by="ci")
    with pytest.raises(ForwardOnly):
        await rollback(app="shop", environment="stage", requested_by="op")
    lines = await rollback_drill(environment="stage", app="shop", requested_by="op")
    assert "skipped, the way back leads over" in lines[0]

    result = await rollback(
        app="shop", environment="stage", requested_by="op", accept_forward_only=True
    )

    assert (result.outcome, serving(site)) == (
        Outcome.ROLLED_BACK,
        str(make_candidate("a").reference),
    )


async def test_an_older_candidate_goes_on_where_nothing_newer_serves(site: Site) -> None:
    """E3, S2-02: prod takes what stage verified, though dev runs something newer by now."""
    older = site.push("a")
    await deploy(candidate=older, environment="dev", requested_by="ci")
    await deploy(candidate=site.push("b"), environment="dev", requested_by="ci")

    result = await deploy(candidate=older, environment="stage", requested_by="ci")

    assert result.outcome is Outcome.RELEASED


async def test_recover_without_a_claim_does_nothing(twice: Site) -> None:
    records = len(twice.ledger(STAGE).records())
    assert await recover(app="shop", environment="stage") is None
    assert len(twice.ledger(STAGE).records()) == records


async def test_key_with_other_contents_is_refused(twice: Site) -> None:
    """E2: Prefect would hand out the old run; the ledger refuses."""
    first, second = twice.push("c"), twice.push("d")
    await deploy(candidate=first, environment="dev", requested_by="ci", key="build-7")

    with pytest.raises(KeyReused, match="build-7"):
        await deploy(candidate=second, environment="dev", requested_by="ci", key="build-7")
