"""What is put into an artifact stays text (G5)."""

import pytest

from slipway import markdown
from slipway.release import Target


@pytest.mark.parametrize(
    ("hostile", "never"),
    [
        ("<img src=x onerror=alert(1)>", "<img"),
        ("[click](javascript:alert(1))", "[click]("),
        ("javascript:alert(1)", "javascript:"),
        ("https://evil.example", "https://"),
        ("www.evil.example", "www."),
        ("a | b", "a | b"),
        ("one\ntwo", "\n"),
        ("\x1b[31mred\x1b[0m", "\x1b"),
        ("over\rwritten", "\r"),
        ("`code` **bold**", "`code`"),
        ("![pixel](https://evil.example/x.png)", "!["),
        ("&lt;script&gt;", "&lt;"),
        ("\u202ereversed", "\u202e"),
    ],
)
def test_hostile_text_is_no_markup(hostile: str, never: str) -> None:
    """G5: neither HTML, Markdown, links nor terminal codes get through."""
    assert never not in markdown.text(hostile)


def test_a_cell_cannot_add_a_row() -> None:
    """G5: one record stays one line."""
    drawn = markdown.table(["Name"], [["a\n| forged |"]])

    assert len(drawn.splitlines()) == 3


def test_keys_of_different_targets_differ() -> None:
    first = markdown.artifact_key("plan", Target(app="a-b", environment="c"))
    second = markdown.artifact_key("plan", Target(app="a", environment="b-c"))

    assert first != second
    assert set(first) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
