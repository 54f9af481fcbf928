"""Drift: what counts, what is shown, what is told, what mends it (N17)."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.drift import (
    Drift,
    TargetDrift,
    by_app,
    drift_of,
    facts,
    key,
    page,
    refuse_drift,
    serving_or_why,
    with_managers,
)
from slipway.errors import Cause, Refused
from slipway.history import GoodRelease
from slipway.platform import Observation
from slipway.release import Target
from tests.fakes.world import TARGET, World, candidate, order, spec

CASES = yaml.safe_load((Path(__file__).parents[2] / "cases" / "drift.yaml").read_text())
SPEC = spec("a")
RELEASE = GoodRelease(record=7, time="2026-06-01T10:00:00Z", candidate=candidate("a"), spec=SPEC)
IMAGE = Drift(field="web.image", wanted="sha256:a", found="sha256:b")


def drifted(*fields: Drift, **changes: Any) -> TargetDrift:
    return TargetDrift(target=TARGET, candidate=candidate("a"), fields=fields, **changes)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_what_is_told(case: dict[str, Any]) -> None:
    """N17, B8: the field, what was released, what was found."""
    serving = {"same": SPEC.id, "nothing": None}.get(case["serving"], case["serving"])
    observed = Observation(case["found"], "revision", serving)
    told = [str(one) for one in drift_of(RELEASE, case["wanted"], observed)]
    assert told == [line.replace("SPEC", SPEC.id) for line in case["told"]]


def test_managers_are_named_where_they_are_known() -> None:
    other = Drift(field="port", wanted="80", found="81")
    first, second = with_managers([IMAGE, other], {"web.image": "kubectl-set"})
    assert str(first).endswith("found sha256:b, by kubectl-set")
    assert second.manager is None


def test_a_deploy_mends_what_nobody_else_owns_and_a_way_back_takes_the_rest() -> None:
    assert drifted(IMAGE).next_command == f"slipway deploy {candidate('a')} prod"
    (owned,) = with_managers([IMAGE], {"web.image": "kubectl-set"})
    assert "slipway rollback shop prod" in drifted(owned).next_command


async def test_there_is_nothing_to_compare_with_before_the_first_release(tmp_path: Path) -> None:
    assert serving_or_why(World(tmp_path).records()) == "no verified release serves"


async def test_a_release_under_way_is_no_drift(tmp_path: Path) -> None:
    world = World(tmp_path)
    seen: list[object] = []
    world.platform.faults[("traffic switched", spec("b").id)] = lambda context: seen.append(
        serving_or_why(world.records())
    )
    await world.engine().deploy(order("a"))
    await world.engine().deploy(order("b"))
    assert [str(why).split()[0] for why in seen] == ["deploy"]
    after = serving_or_why(world.records())
    assert isinstance(after, GoodRelease)
    assert after.candidate == candidate("b")


def test_any_difference_is_refused_with_every_field_as_evidence() -> None:
    clean, busy = drifted(), TargetDrift(target=TARGET, skipped="deploy 9 is open")
    refuse_drift([clean, busy])
    with pytest.raises(Refused, match=r"2 fields .* shop/prod: web\.image") as caught:
        refuse_drift([clean, busy, drifted(IMAGE, IMAGE)])
    assert (caught.value.cause, len(caught.value.evidence)) == (Cause.CONFLICT, 2)
    assert caught.value.next_step == drifted(IMAGE).next_command


def test_the_page_shows_each_environment_and_what_mends_it() -> None:
    dev = Target(app="shop", environment="dev")
    text = page("shop", [drifted(IMAGE), TargetDrift(target=dev, unread="no answer")])
    assert "| web.image | sha256:a | sha256:b |  |" in text
    assert "Next: slipway deploy" in text
    assert "## dev\n\nnot compared: no answer" in text
    assert "## prod\n\nas recorded" in page("shop", [drifted()])
    assert key("shop") == "drift--shop"


def test_what_stands_on_the_target_is_no_markup() -> None:
    """G6: somebody who may edit the target writes into a page that operators read."""
    evil = Drift(field="web.command", wanted=None, found="|<script>[x](javascript:1)\n# x")
    text = page("shop", [drifted(evil)])
    assert "<script>" not in text
    assert "[x](" not in text
    assert "\n# x" not in text


def test_an_event_says_all_that_a_person_needs() -> None:
    said = facts(drifted(IMAGE))
    assert said["fields"] == [
        {"field": "web.image", "wanted": "sha256:a", "found": "sha256:b", "manager": None}
    ]
    assert said["next"] == f"slipway deploy {candidate('a')} prod"


def test_apps_are_kept_apart() -> None:
    other = TargetDrift(target=Target(app="till", environment="prod"))
    assert [list(by_app([drifted(), other, drifted()])), len(by_app([drifted(), drifted()]))] == [
        ["shop", "till"],
        1,
    ]
