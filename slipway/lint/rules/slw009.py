"""SLW009: data that a shell reads is code (G1)."""

import ast
import re
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.source import Kind, Project, Source

_CALLS = {
    "os.system",
    "os.popen",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "asyncio.create_subprocess_shell",
}
_GROOVY = re.compile(
    r"\b(?:sh|bat|powershell)\b\s*(?:\(\s*)?(?:[^\"'\n]*?\bscript\s*:\s*)?(\"\"\"|\")"
)
_SHELL = re.compile(r"\beval\s+[^#]*\$|\b(?:ba|da|z)?sh\s+-[a-z]*c\s+\"[^\"]*\$")


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    match source.kind:
        case Kind.PYTHON:
            yield from _python(source)
        case Kind.JENKINSFILE:
            yield from _jenkins(source)
        case _:
            yield from _shell(source)


def _python(source: Source) -> Iterator[Hit]:
    for node in ast.walk(source.module):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if name in _CALLS:
            yield Hit(node.lineno, f"{name} runs its text in a shell")
        elif any(_is_shell(keyword) for keyword in node.keywords):
            yield Hit(node.lineno, f"{name} with shell=True runs its text in a shell")


def _is_shell(keyword: ast.keyword) -> bool:
    value = keyword.value
    return keyword.arg == "shell" and isinstance(value, ast.Constant) and value.value is True


def _jenkins(source: Source) -> Iterator[Hit]:
    """A double-quoted Groovy string is filled in before the shell sees it."""
    for match in _GROOVY.finditer(source.text):
        end = source.text.find(match[1], match.end())
        text = source.text[match.end() : end if end >= 0 else match.end()]
        if re.search(r"(?<!\\)\$[{A-Za-z_]", text):
            line = source.text.count("\n", 0, match.start()) + 1
            yield Hit(line, "Groovy fills values into a shell command")


def _shell(source: Source) -> Iterator[Hit]:
    for number, line in source.lines:
        if not line.lstrip().startswith("#") and _SHELL.search(line):
            yield Hit(number, "a shell reads a variable's value as code")


RULE = Rule(
    id="SLW009",
    title="No shell with interpolated data",
    fix="a list of arguments; in Jenkins, single quotes and environment variables",
    kinds=frozenset({Kind.PYTHON, Kind.JENKINSFILE, Kind.SHELL}),
    check=_check,
)
