"""Statistics of the bench, and what they say of a goal."""

import json
from collections.abc import Callable

import pytest

from bench.goals.catalogue import GROUPS, chosen
from bench.goals.p10_traffic import split
from bench.measured import Result, in_turns, percentile, result_of
from bench.requests import Asked
from slipway.errors import BadInput


@pytest.mark.parametrize(
    ("share", "found"), [(0.0, 1.0), (0.5, 3.0), (0.9, 4.6), (1.0, 5.0)], ids=str
)
def test_a_percentile_lies_between_its_neighbours(share: float, found: float) -> None:
    assert percentile([5.0, 1.0, 4.0, 2.0, 3.0], share) == pytest.approx(found)


def test_one_value_is_every_percentile() -> None:
    assert percentile([2.0], 0.9) == 2.0


@pytest.mark.parametrize(
    ("ours", "plain", "most", "longest", "met"),
    [
        ((1.0, 1.1, 9.0), (2.0, 2.0, 2.0), 0.6, None, True),
        ((1.3, 1.3, 1.3), (2.0, 2.0, 2.0), 0.6, None, False),
        ((0.4,), (), None, 0.5, True),
        ((0.6,), (), None, 0.5, False),
        ((0.0,), (), None, 0, True),
        ((1.0,), (), None, 0, False),
        ((1.0,), (2.0,), 0.6, 0.9, False),
        ((1.0,), (2.0,), None, None, None),
    ],
)
def test_a_goal_is_met_when_no_limit_is_passed(
    ours: tuple[float, ...],
    plain: tuple[float, ...],
    most: float | None,
    longest: float | None,
    met: bool | None,
) -> None:
    """The median counts, not the worst round; both limits hold where there are two."""
    assert Result("P0", "this", "that", ours, plain, most, longest).is_met is met


def test_a_result_survives_being_kept() -> None:
    result = Result("P4", "this", "that", (1.0, 2.0), (3.0,), most=0.6)
    assert result_of(json.loads(json.dumps(result.row()))) == result


def test_ways_take_turns() -> None:
    """Each once unmeasured, then in every round one after the other."""
    done: list[str] = []

    def act(name: str) -> Callable[[], None]:
        return lambda: done.append(name)

    ours, plain = in_turns(2, act("ours"), act("plain"))
    assert done == ["ours", "plain"] * 3
    assert len(ours) == len(plain) == 2


def test_groups_are_chosen_by_the_goals_that_they_measure() -> None:
    assert chosen("") == list(GROUPS)
    assert chosen("P5,p2") == ["p5", "p1"]
    with pytest.raises(BadInput, match="no such measurement"):
        chosen("p99")


def test_requests_around_a_switch_are_told_from_the_others() -> None:
    asked = Asked([(9.8, 0.2, True), (10.4, 0.4, True), (12.0, 0.1, True), (13.0, 0.1, False)])
    assert split(asked, [10.0]) == pytest.approx((0.398, 0.1))
    assert asked.failed == 1
