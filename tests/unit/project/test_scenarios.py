"""Every scenario that shapes the engine has a test, and docs/reliability.md names it."""

import importlib.util
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]

REQUIRED = (
    "A1 A2 A11 A12 B1 B2 B3 B5 C1 C2 C3 C4 D1 D2 D3 D4 D5 D6 E1 E2 E7 F3 G1 G2 G3 G8 G10 I1 I2 I3"
).split()


@pytest.fixture(scope="module")
def scenarios() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scenarios", ROOT / "scripts" / "scenarios.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["scenarios"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def data(scenarios: ModuleType) -> dict[str, Any]:
    return tomllib.loads(scenarios.DATA.read_text())


@pytest.fixture(scope="module")
def found(scenarios: ModuleType) -> list[Any]:
    return list(scenarios.citations(ROOT / "tests"))


@pytest.mark.parametrize("scenario", REQUIRED)
def test_a_scenario_has_a_test(found: list[Any], data: dict[str, Any], scenario: str) -> None:
    assert [one for one in found if one.scenario == scenario]
    assert data["holds"][scenario]


def test_what_was_seen_to_fail_is_a_test(found: list[Any], data: dict[str, Any]) -> None:
    """A proof names a test that cites its scenario."""
    known = {(one.scenario, f"{one.path}::{one.name}") for one in found}
    assert {(p["id"], p["test"]) for p in data.get("proof", [])} <= known


def test_the_page_is_up_to_date(scenarios: ModuleType) -> None:
    """Else: python scripts/scenarios.py"""
    assert scenarios.main(["--check"]) == 0, "python scripts/scenarios.py writes it anew"


@pytest.mark.parametrize(
    ("docstring", "ids"),
    [
        ("C1: it holds.", ["C1"]),
        ("C3, C4, D6: it holds.", ["C3", "C4", "D6"]),
        ("N24, C1: it holds.", ["C1"]),
        ("S1-61, DC-07, A6: it holds.", ["A6"]),
        ("S1-61: it holds, unlike A6: see there.", []),
        ("It holds (A1, A2).", []),
        ("A1 and A2: it holds.", ["A1", "A2"]),
        ("A version: it holds.", []),
        ("", []),
    ],
)
def test_ids_are_cited_at_the_start(scenarios: ModuleType, docstring: str, ids: list[str]) -> None:
    assert scenarios.cited(docstring) == ids


def test_a_scenario_without_a_test_has_no_row(scenarios: ModuleType) -> None:
    text = scenarios.page(
        {"holds": {"A1": "this", "A2": "that"}},
        [
            scenarios.Citation("A1", "unit/test_x.py", "test_it_holds"),
        ],
    )
    assert "| A1 | this | [unit/test_x](../tests/unit/test_x.py): it holds |\n" in text
    assert "A2" not in text
