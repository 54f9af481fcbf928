"""Each command that a document names is there, with the options it is shown with."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from slipway.cli.main import app

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("docker/*/README.md"),
    ]
)
TARGETS = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()))
_SPAN = re.compile(r"`([^`\n]+)`")
_CONSOLE = re.compile(r"(?m)^\$ (.+)$")
_WORDS = re.compile(r"[^\s'\"]+")


def shown(text: str) -> Iterator[str]:
    """Command lines of consoles, and what stands in code spans."""
    yield from _CONSOLE.findall(text)
    yield from _SPAN.findall(text)


def lines_of(program: str) -> list[tuple[str, str]]:
    """(page, line) of each line that starts with that program."""
    return [
        (page.name, line)
        for page in PAGES
        for line in sorted(set(shown(page.read_text())))
        if line.split()[:1] == [program] and line.split()[1:2]
    ]


def unknown(words: list[str]) -> list[str]:
    """What the command line of Slipway does not take of these words."""
    command = get_command(app)
    rest = list(words)
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        found = command.commands.get(rest[0])
        if found is None:
            return [rest[0]]
        command = found
        rest.pop(0)
    known = {name for part in command.params for name in (*part.opts, *part.secondary_opts)}
    given = {word.partition("=")[0].rstrip(".,;)]") for word in rest if word.startswith("--")}
    return sorted(given - known - {"--help", "--"})


@pytest.mark.parametrize(("page", "line"), lines_of("slipway"))
def test_a_command_of_slipway_is_there(page: str, line: str) -> None:
    """G1, S2-38: a reader who types what a page says is not refused."""
    words = _WORDS.findall(re.split(r"[|;<>]|&&", line)[0])[1:]
    assert unknown([word for word in words if word != "..."]) == [], page


@pytest.mark.parametrize(("page", "line"), lines_of("make"))
def test_a_target_of_make_is_there(page: str, line: str) -> None:
    asked = {word for word in line.split()[1:] if re.fullmatch(r"[a-z]+", word)}
    assert asked <= TARGETS, page


@pytest.mark.parametrize("word", ["deployy", "deploy --now", "secrets shew", "ci mail --to"])
def test_what_is_not_there_would_be_found(word: str) -> None:
    assert unknown(word.split())


def test_many_commands_are_looked_at() -> None:
    """The two tests above are not empty."""
    assert len(lines_of("slipway")) > 40
    assert len(lines_of("make")) > 5
