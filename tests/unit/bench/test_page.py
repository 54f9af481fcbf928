"""The page and its picture, out of what was kept."""

import xml.etree.ElementTree as ET

from bench import page
from bench.measured import Result

MET = Result("P4", "way <h>", "the chain", (1.0, 1.2), (4.0, 4.0), most=0.6)
MISSED = Result("P13", "history", "", (3.0,), longest=0.5)
COUNTED = Result("P10", "failed requests", "", (0.0,), longest=0, unit="requests")
GROUPS = (
    page.Group("p13", "2026-11-22", 3.0, 7, (MISSED, Result("plan", "a plan", "", (0.1,)))),
    page.Group("p4", "2026-11-22", 0.1, 7, (COUNTED, MET)),
)


def test_rows_come_in_the_order_of_their_goals() -> None:
    assert page.table(GROUPS).splitlines()[2:] == [
        "| P4 | way <h>, beside the chain | 1.10 s | 1.18 s | 4.00 s | 0.28 | ratio 0.6 | met |",
        "| P10 | failed requests | 0 requests | 0 requests |  |  | 0 requests | met |",
        "| P13 | history | 3.00 s | 3.00 s |  |  | 500 ms | **missed** |",
        "| plan | a plan | 100 ms | 100 ms |  |  | no goal |  |",
    ]


def test_only_what_is_missed_is_explained() -> None:
    why = {"P4": "the pull", "P13": "every record is read"}
    assert page.notes(GROUPS, why) == "- **P13**: every record is read"
    assert page.notes(GROUPS[1:], why) == "None."


def test_a_missed_goal_without_an_explanation_says_so() -> None:
    assert page.notes(GROUPS, {}) == "- **P13**: not explained yet"


def test_the_picture_has_a_bar_for_each_limit() -> None:
    """Drawn as XML; a bar beyond the edge ends there and says its number."""
    drawn = ET.fromstring(page.plot(GROUPS))  # noqa: S314 - our own text
    svg = "{http://www.w3.org/2000/svg}"
    bars = [one for one in drawn.iter(f"{svg}rect") if one.get("x")]
    texts = [one.text for one in drawn.iter(f"{svg}text")]
    assert [bar.get("fill") for bar in bars] == ["#2e7d32", "#2e7d32", "#c62828"]
    assert "6.00" in texts
    assert "P4 way <h>" in texts
    assert all(float(bar.get("width", 0)) < page.WIDTH - page.LEFT for bar in bars)


def test_a_busy_machine_is_named_and_what_was_never_measured() -> None:
    rows = page.measured_when(GROUPS, quiet=0.5, names=["p4", "p9", "p13"]).splitlines()[2:]
    assert rows == [
        "| p13 | 2026-11-22 | 7 | 3.0 | busy |",
        "| p4 | 2026-11-22 | 7 | 0.1 |  |",
        "| p9 | not measured yet | | | |",
    ]
