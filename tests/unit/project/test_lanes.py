"""Lanes: chosen by name, ordered, never silently empty."""

import pytest

from tests.lanes import LANES, UnknownLaneError, chosen, lane_of, strict


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unit", ["unit"]),
        ("chaos,unit", ["unit", "chaos"]),
        (" engine , prefect ,", ["engine", "prefect"]),
        ("unit,engine,prefect,chaos", list(LANES)),
    ],
)
def test_chosen(text: str, expected: list[str]) -> None:
    assert chosen(text) == expected


@pytest.mark.parametrize("text", ["", ",", "unti", "unit,all"])
def test_a_wrong_lane_is_named(text: str) -> None:
    with pytest.raises(UnknownLaneError, match="there are unit, engine, prefect, chaos"):
        chosen(text)


@pytest.mark.parametrize(
    ("markers", "expected"),
    [
        ([], "unit"),
        (["parametrize", "timeout"], "unit"),
        (["engine"], "engine"),
        (["engine", "chaos"], "chaos"),
        (["prefect", "engine"], "prefect"),
    ],
)
def test_lane_of(markers: list[str], expected: str) -> None:
    assert lane_of(markers) == expected


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, False), ({"CI": "false"}, False), ({"CI": "true"}, True), ({"CI": "1"}, True)],
)
def test_strict(environment: dict[str, str], expected: bool) -> None:
    assert strict(environment) is expected
