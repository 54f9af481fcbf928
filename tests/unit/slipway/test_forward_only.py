"""Releases whose migration cannot be undone: no way back leads over one unnoticed (D8)."""

from datetime import datetime
from pathlib import Path

import pytest

from slipway.appfile import parse
from slipway.candidate_spec import release_spec
from slipway.claim import open_claim
from slipway.drill import skip_reason
from slipway.errors import CrashLoop, ForwardOnly, ReleaseFailed, RestoreFailed
from slipway.history import Outcome
from slipway.ledger import Kind, utc_now
from slipway.opening import Order
from slipway.platform import StepContext
from slipway.precedence import refuse_older
from slipway.release import ReleaseSpec
from tests.fakes.site import APPFILE, make_candidate
from tests.fakes.world import World, order, spec

NOW: datetime = utc_now()


def forward(version: str) -> ReleaseSpec:
    return spec(version, migration="forward-only")


async def released(folder: Path, *versions: str) -> World:
    """Released in this order; upper case letters are forward only."""
    world = World(folder)
    for version in versions:
        await world.engine().deploy(wanted(version))
    return world


def wanted(version: str) -> Order:
    name = version.lower()
    return order(name, spec=forward(name) if version.isupper() else spec(name))


def breaks(world: World, what: ReleaseSpec, step: str = "release verified") -> None:
    def fault(context: StepContext) -> None:
        raise CrashLoop("exited with 1", evidence=["no such column"])

    world.platform.faults[step, what.id] = fault


def test_unset_it_is_no_part_of_a_specification() -> None:
    """D8: ids of releases on record stay as they are."""
    assert "migration" not in spec("a").model_dump(mode="json")
    assert spec("a").id != forward("a").id


def test_the_app_file_says_it() -> None:
    """D8: reversible unless it says otherwise."""
    assert parse(APPFILE.encode()).migration == "reversible"
    candidate = make_candidate("a", f"migration: forward-only\n{APPFILE}")
    assert release_spec(candidate, "dev", {}).migration == "forward-only"


@pytest.mark.parametrize("versions", ["aB", "aBc"])
async def test_a_rollback_over_it_is_refused_before_anything_changes(
    tmp_path: Path, versions: str
) -> None:
    """D8: with the way out; accepted, it goes back, on record."""
    world = await released(tmp_path, *versions)
    to = wanted("a").candidate
    before = list(world.platform.actions)

    with pytest.raises(ForwardOnly, match="forward only") as caught:
        await world.engine().rollback("ops", "errors", to)

    assert "--accept-forward-only" in (caught.value.allowed or "")
    assert world.platform.actions == before
    assert world.is_settled()
    result = await world.engine().rollback("ops", "errors", to, accept_forward_only=True)
    assert result.outcome is Outcome.ROLLED_BACK
    assert world.platform.serving == spec("a").id
    claim = [record for record in world.records() if record.kind is Kind.CLAIM][-1]
    assert claim.body["accept_forward_only"] is True


async def test_a_rollback_to_it_is_one_like_any_other(tmp_path: Path) -> None:
    """D8: what came after it can be left for it."""
    world = await released(tmp_path, "a", "B", "c")
    await world.engine().rollback("ops", "errors")
    assert world.platform.serving == forward("b").id


async def test_what_was_verified_on_its_data_is_a_way_back_again(tmp_path: Path) -> None:
    """D8: once somebody accepted it, and the older release was verified."""
    world = await released(tmp_path, "a", "B")
    await world.engine().rollback("ops", "errors", accept_forward_only=True)
    await world.engine().deploy(wanted("c"))
    await world.engine().rollback("ops", "errors")
    assert world.platform.serving == spec("a").id


async def test_one_that_fails_goes_back_and_tells_what_is_not_undone(tmp_path: Path) -> None:
    """D8: what served before ran on its data until traffic moved, and is verified again."""
    world = await released(tmp_path, "a")
    breaks(world, forward("b"))
    with pytest.raises(ReleaseFailed) as caught:
        await world.engine().deploy(wanted("B"))
    assert world.platform.serving == spec("a").id
    assert any("its migration changed in the data stays" in line for line in caught.value.evidence)


async def test_one_that_fails_goes_back_no_further_than_over_itself(tmp_path: Path) -> None:
    """D8: an older release, from before an earlier migration, is not tried."""
    world = await released(tmp_path, "a", "B")
    breaks(world, spec("c"))
    breaks(world, forward("b"), "containers healthy")
    with pytest.raises(RestoreFailed):
        await world.engine().deploy(wanted("c"))
    assert f"switch {spec('a').id}" not in world.platform.actions[2:]
    assert open_claim(world.records()) is None


async def test_a_drill_over_it_skips_itself_and_says_so(tmp_path: Path) -> None:
    """D8, D9: a rehearsal risks no data."""
    world = await released(tmp_path, "a", "B")
    reason = skip_reason(world.records(), None, NOW)
    assert "leads over bbbbbbbbbbbb, which is forward only" in (reason or "")
    with pytest.raises(ForwardOnly):
        await world.engine().drill("keeper", 30_000)
    await world.engine().deploy(wanted("c"))
    assert skip_reason(world.records(), None, NOW) is None


async def test_a_downgrade_that_is_allowed_does_not_lead_over_it(tmp_path: Path) -> None:
    """D8, E3: --allow-downgrade says nothing about data."""
    world = await released(tmp_path, "a", "B")
    with pytest.raises(ForwardOnly, match="downgrade"):
        refuse_older(order("a", allow_downgrade=True), "it is older", world.records())
