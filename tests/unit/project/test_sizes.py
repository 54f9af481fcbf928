"""The size report counts code, and fails where there is too much of it."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]

OUTER = '''
@decorated
def outer(
    a,
):
    """A docstring
    of two lines."""

    # why
    def inner():
        return a
    text = """one
    two"""
    return inner, text
'''


@pytest.fixture(scope="module")
def sizes() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sizes", ROOT / "scripts" / "sizes.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["sizes"] = module
    spec.loader.exec_module(module)
    return module


def test_counts_code_and_not_what_explains_it(sizes: ModuleType) -> None:
    found = {function.name: lines for function, lines in sizes.functions(OUTER)}
    assert found == {"outer": 6, "inner": 2}


@pytest.mark.parametrize(("percent", "expected"), [(50, 5), (95, 10), (100, 10)])
def test_percentile(sizes: ModuleType, percent: int, expected: int) -> None:
    measured = [sizes.Size(str(lines), lines) for lines in range(10, 0, -1)]
    assert sizes.percentile(measured, percent) == expected


def test_names_what_is_too_long(sizes: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "long.py"
    path.write_text("def long():\n" + "    x = 1\n" * 60)
    measured = sizes.measure([path])["function"]
    faults = list(sizes.report(sizes.LIMITS["function"], measured))
    assert faults[-1] == "long.py:1 long: 61 lines, at most 60: split it"


def test_is_silent_about_what_fits(sizes: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "short.py"
    path.write_text("def short():\n    return 1\n")
    measured = sizes.measure([path])
    assert [
        x for kind, limit in sizes.LIMITS.items() for x in sizes.report(limit, measured[kind])
    ] == []
