"""The commands that a source has a shell run, or runs itself, one by one."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from slipway.lint.groovy import line_at, steps
from slipway.lint.source import Kind, Source

_PIECE = re.compile(
    r"(?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|\\.|(?<!&)&(?!&)|[^\"'\\|;&\n]|[\"'])+", re.DOTALL
)
_COMMENT = re.compile(r"(?:^|(?<=\s))#[^\n]*")
_SCRIPTS = {"run", "script", "before_script", "after_script"}
_PROGRAM = re.compile(r"[a-z][\w./-]*")
RUNNING = frozenset(
    {Kind.SHELL, Kind.JENKINSFILE, Kind.DOCKERFILE, Kind.YAML, Kind.PREFECT, Kind.PYTHON}
)


@dataclass(frozen=True, slots=True)
class Command:
    """One command with its arguments as written, its line from 1.

    `after` is the operator behind it and `before` the one in front: `|`, `||`, `&&`, `;` or none.
    """

    text: str
    line: int
    before: str = ""
    after: str = ""


@lru_cache(maxsize=64)
def commands(source: Source) -> tuple[Command, ...]:
    """Every command. Python's are its lists that begin with a program's name."""
    if source.kind is Kind.PYTHON:
        return tuple(_argument_lists(source))
    return tuple(part for text, line in _scripts(source) for part in _split(text, line))


def _scripts(source: Source) -> Iterator[tuple[str, int]]:
    """What a shell is given, and the line on which it begins."""
    if source.kind is Kind.SHELL:
        yield source.text, 1
    elif source.kind is Kind.JENKINSFILE:
        given = (step for step in steps(source.text) if step.is_shell)
        yield from ((step.text, line_at(source.text, step.start)) for step in given)
    elif source.kind is Kind.DOCKERFILE:
        given_runs = (item for item in source.instructions if item.keyword == "RUN")
        yield from ((item.rest, item.line) for item in given_runs)
    elif source.kind in {Kind.YAML, Kind.PREFECT}:
        scripts = (value for value in source.values if value.key in _SCRIPTS)
        yield from ((value.text, value.line + ("\n" in value.text)) for value in scripts)


def _split(text: str, line: int) -> Iterator[Command]:
    """Continued lines are joined by blanks of the same length; comments are left out."""
    plain = re.sub(r"\\\n", "  ", text)
    breaks = [match.start() for match in re.finditer(r"\\\n", text)]
    plain = _COMMENT.sub(lambda match: " " * len(match[0]), plain)
    before = ""
    for match in _PIECE.finditer(plain):
        after = re.match(r"\|\|?|&&|;|", plain[match.end() :])
        operator = after[0] if after else ""
        if match[0].strip():
            start = match.start() + len(match[0]) - len(match[0].lstrip())
            number = line + plain.count("\n", 0, start) + sum(place < start for place in breaks)
            yield Command(match[0].strip(), number, before, operator)
        before = operator


def _argument_lists(source: Source) -> Iterator[Command]:
    for node in source.nodes:
        if isinstance(node, (ast.List, ast.Tuple)) and len(node.elts) > 1:
            words = [_word(item) for item in node.elts]
            if _PROGRAM.fullmatch(words[0]):
                yield Command(" ".join(words), node.lineno)


def _word(node: ast.expr) -> str:
    """A constant as it is; anything else as a variable of the shell that is named like it."""
    if isinstance(node, ast.Constant):
        return str(node.value) if isinstance(node.value, str) else repr(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_word(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return _word(node.value)
    names = re.findall(r"[A-Za-z_]\w*", ast.unparse(node))
    return f"${{{names[-1] if names else '_'}}}"
