"""Which scenario each test proves, as docs/reliability.md.

    python scripts/scenarios.py          write it
    python scripts/scenarios.py --check  exit 1 unless it is up to date

A test cites scenarios at the start of its docstring, as in `C1, C3: ...`. Tests are parsed, never
imported.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reliability.md"
DATA = ROOT / "tests" / "cases" / "scenarios.toml"

_ID = r"[A-Z]{1,2}-?\d+(?:-\d+)?"
_CITED = re.compile(rf"({_ID}(?:,? (?:and )?{_ID})*): ")
_SCENARIO = re.compile(r"(?<![\w-])[A-I]\d{1,2}(?![\w-])")

HEAD = """\
# What holds when things go wrong

Each row is a fault or an attack, and the tests that prove what Slipway does then. Tests under
`integration` run on a real Docker engine, registry, Prefect server and worker; those under `unit`
prove the rule itself, at every boundary that the engine has. Written by `python
scripts/scenarios.py`; a test holds this page to the tests.
"""
PROOFS = """
## Tests that were seen to fail

A test that cannot fail proves nothing. In a copy of the tree each of these protections was taken
out by hand, and the test named beside it failed.

| id | taken out | test that failed |
|---|---|---|
"""


@dataclass(frozen=True)
class Citation:
    """A test function that cites a scenario; `path` is below `tests`."""

    scenario: str
    path: str
    name: str


def cited(docstring: str) -> list[str]:
    """Scenario ids at the start of a docstring; requirement ids beside them are left out. Pure."""
    start = _CITED.match(docstring)
    return _SCENARIO.findall(start[1]) if start else []


def citations(tests: Path) -> list[Citation]:
    """Of every test below the folder."""
    return [
        Citation(scenario, path.relative_to(tests).as_posix(), function.name)
        for path in sorted(tests.rglob("test_*.py"))
        for function in _test_functions(path.read_text())
        for scenario in cited(ast.get_docstring(function) or "")
    ]


def _test_functions(source: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith("test_"):
            yield node


def page(data: dict[str, Any], found: list[Citation]) -> str:
    """docs/reliability.md. Pure."""
    rows = [_row(scenario, holds, found) for scenario, holds in data["holds"].items()]
    proofs = [f"| {p['id']} | {p['removed']} | `{p['test']}` |\n" for p in data.get("proof", [])]
    table = "\n| id | what holds | tests |\n|---|---|---|\n" + "".join(filter(None, rows))
    return HEAD + table + (PROOFS + "".join(proofs) if proofs else "")


def _row(scenario: str, holds: str, found: list[Citation]) -> str:
    files: dict[str, list[str]] = {}
    for citation in found:
        if citation.scenario == scenario:
            files.setdefault(citation.path, []).append(citation.name.removeprefix("test_"))
    tests = [
        f"[{path.removesuffix('.py')}](../tests/{path}): "
        + ", ".join(name.replace("_", " ") for name in dict.fromkeys(names))
        for path, names in sorted(files.items())
    ]
    return f"| {scenario} | {holds} | {'<br>'.join(tests)} |\n" if tests else ""


def main(arguments: list[str]) -> int:
    wanted = page(tomllib.loads(DATA.read_text()), citations(ROOT / "tests"))
    if arguments == ["--check"]:
        return int(not PAGE.exists() or PAGE.read_text() != wanted)
    PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
