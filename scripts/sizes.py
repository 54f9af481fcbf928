"""Measure files and functions; fail where one is over its limit.

A function's size is its lines of code: signature and body, without docstring, comments,
blank lines, and without functions defined inside it, which are counted by themselves.
A file's size is all its lines.
"""

import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("slipway", "blocks", "tasks", "flows", "scripts", "bench", "docker", "tests")
SILENT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENDMARKER, tokenize.ENCODING,
}  # fmt: skip
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Size:
    """`lines` of the thing called `name`."""

    name: str
    lines: int


@dataclass(frozen=True)
class Limit:
    """The most lines at each percentile; 100 is the largest of all."""

    kind: str
    at: dict[int, int]


LIMITS = {
    "file": Limit("file", {95: 300, 100: 400}),
    "function": Limit("function", {50: 8, 95: 35, 100: 60}),
    "test function": Limit("test function", {95: 30, 100: 60}),
}


def main() -> int:
    """Print the report; 1 when a limit is passed."""
    sizes = measure([path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))])
    bad = [text for kind, limit in LIMITS.items() for text in report(limit, sizes[kind])]
    for text in bad:
        print(text)
    return int(bool(bad))


def measure(paths: list[Path]) -> dict[str, list[Size]]:
    """Sizes of each kind in `LIMITS`, largest first."""
    sizes: dict[str, list[Size]] = {kind: [] for kind in LIMITS}
    for path in paths:
        text = path.read_text()
        where = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name
        sizes["file"].append(Size(where, len(text.splitlines())))
        for function, lines in functions(text, where):
            kind = "test function" if function.name.startswith("test_") else "function"
            sizes[kind].append(Size(f"{where}:{function.lineno} {function.name}", lines))
    return {kind: sorted(found, key=lambda size: -size.lines) for kind, found in sizes.items()}


def functions(text: str, where: str = "") -> Iterator[tuple[Function, int]]:
    """Each function of a module with its lines of code; ends the run where it is not Python."""
    try:
        tree, code = ast.parse(text), code_lines(text)
    except SyntaxError as error:
        sys.exit(f"{where}:{error.lineno}: {error.msg}")
    for node in ast.walk(tree):
        if isinstance(node, Function):
            own = code & set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
            yield node, len(own - set(not_its_own(node)))


def not_its_own(function: Function) -> Iterator[int]:
    """Line numbers of the docstring and of functions defined inside."""
    first = function.body[0]
    if isinstance(first, ast.Expr) and ast.get_docstring(function, clean=False) is not None:
        yield from range(first.lineno, (first.end_lineno or first.lineno) + 1)
    for node in ast.walk(function):
        if isinstance(node, Function) and node is not function:
            yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)


def code_lines(text: str) -> set[int]:
    """Line numbers that hold a token other than a comment or white space."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {
        line
        for token in tokens
        if token.type not in SILENT
        for line in range(token.start[0], token.end[0] + 1)
    }


def report(limit: Limit, sizes: list[Size]) -> Iterator[str]:
    """Print one line of percentiles; yield what is over the limit."""
    found = {percent: percentile(sizes, percent) for percent in (50, 95, 100)}
    words = [
        f"{'largest' if percent == 100 else f'p{percent}'} {lines}"
        + (f" (at most {limit.at[percent]})" if percent in limit.at else "")
        for percent, lines in found.items()
    ]
    print(f"{len(sizes):5} {limit.kind + 's':15} {', '.join(words)}")
    for percent, most in limit.at.items():
        if percent < 100 and found[percent] > most:
            yield f"{limit.kind}s: p{percent} is {found[percent]} lines, at most {most}"
    for size in sizes:
        if size.lines > limit.at[100]:
            yield f"{size.name}: {size.lines} lines, at most {limit.at[100]}: split it"


def percentile(sizes: list[Size], percent: int) -> int:
    """Lines that `percent` of the sizes (largest first) do not pass; 0 of none."""
    if not sizes:
        return 0
    return sizes[len(sizes) - max(1, -(-len(sizes) * percent // 100))].lines


if __name__ == "__main__":
    sys.exit(main())
