"""Lanes: chosen by name, ordered, never silently empty."""

import pytest

from tests.lanes import LANES, Lane, UnknownLaneError, chosen, lacks, lane_of, strict


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unit", ["unit"]),
        ("chaos,unit", ["unit", "chaos"]),
        (" engine , prefect ,", ["engine", "prefect"]),
        ("unit,engine,prefect,chaos,jenkins,kubernetes", list(LANES)),
    ],
)
def test_chosen(text: str, expected: list[str]) -> None:
    assert chosen(text) == expected


@pytest.mark.parametrize("text", ["", ",", "unti", "unit,all"])
def test_a_wrong_lane_is_named(text: str) -> None:
    with pytest.raises(UnknownLaneError, match="there are unit, engine, prefect, chaos, jenkins"):
        chosen(text)


@pytest.mark.parametrize(
    ("markers", "expected"),
    [
        ([], "unit"),
        (["parametrize", "timeout"], "unit"),
        (["engine"], "engine"),
        (["engine", "chaos"], "chaos"),
        (["prefect", "engine"], "prefect"),
        (["jenkins", "prefect"], "jenkins"),
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


@pytest.mark.parametrize(
    ("markers", "expected"),
    [
        (["timeout"], None),
        (["prefect"], None),
        (["engine"], "no engine"),
        (["prefect", "engine"], "no engine"),
    ],
)
def test_lacks_what_any_of_its_lanes_lacks(
    monkeypatch: pytest.MonkeyPatch, markers: list[str], expected: str | None
) -> None:
    engine = Lane("engine", "", 1, lambda: "no engine")
    monkeypatch.setitem(LANES, "engine", engine)
    assert lacks(markers) == expected
