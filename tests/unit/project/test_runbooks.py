"""The runbooks quote what Slipway really says, and lead to pages that are there."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from slipway.drift import NOTHING, SERVING, Drift

ROOT = Path(__file__).parents[3]
PAGES = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
GAP = "…"
_TABLE = re.compile(r"(?m)^\| told \|.*\n\|[-|]+\n((?:\|.*\n)+)")
_QUOTE = re.compile(r"^\| `([^`]+)`", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def text_of(node: ast.AST) -> str | None:
    """A string of the source, with a gap for each value that is put in."""
    if isinstance(node, ast.JoinedStr):
        parts = (text_of(part) or GAP for part in node.values)
        return "".join(parts)
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return node.value if is_text else None  # type: ignore[attr-defined]


@cache
def said() -> tuple[str, ...]:
    """Every string that Slipway may print."""
    composed = Drift(field=SERVING, wanted=GAP, found=NOTHING)
    sources = [path for room in ("slipway", "blocks") for path in (ROOT / room).rglob("*.py")]
    return (str(composed), *(text for path in sources for text in strings_of(path)))


def strings_of(path: Path) -> Iterator[str]:
    """Without docstrings, which nobody is shown."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    told = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if id(node) not in told and (text := text_of(node)):
            yield text


def is_said(quote: str) -> bool:
    pattern = re.compile(".*".join(map(re.escape, quote.split(GAP))), re.DOTALL)
    return any(pattern.search(text) for text in said())


def quotes() -> Iterator[tuple[str, str]]:
    """Page and quote of each first cell under `told`."""
    for page in PAGES:
        for table in _TABLE.findall(page.read_text()):
            for quote in _QUOTE.findall(table):
                yield page.stem, quote


@pytest.mark.parametrize(("page", "quote"), sorted(set(quotes())))
def test_what_a_runbook_quotes_is_said(page: str, quote: str) -> None:
    """N24: an operator finds the line that the terminal shows."""
    assert is_said(quote), page


@pytest.mark.parametrize("quote", ["the engine is on fire", "quota … is full", "… … ran away"])
def test_what_is_not_said_would_be_found(quote: str) -> None:
    assert not is_said(quote)


def test_every_runbook_is_there_and_quotes_something() -> None:
    wanted = {"stuck-rollout", "rollback", "recover", "node-lost", "registry-lost"}
    assert wanted | {"namespace-restore"} <= {page for page, _ in quotes()}
    assert len(list(quotes())) > 40


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_link_leads_to_a_file(page: Path) -> None:
    links = [link for link in _LINK.findall(page.read_text()) if "://" not in link]
    assert links
    assert [link for link in links if not (page.parent / link).exists()] == []
