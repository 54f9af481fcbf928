"""SLW009: data that a shell reads is code (G1)."""

import ast
import re
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.groovy import line_at, name_of, steps, without_comments
from slipway.lint.source import Kind, Project, Source

_CALLS = {
    "os.system",
    "os.popen",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "asyncio.create_subprocess_shell",
}
_CHOSEN_BY_OTHERS = re.compile(
    r"^(?:params\b.*|(?:env\.)?(?:BRANCH_NAME|GIT_BRANCH|GIT_LOCAL_BRANCH|TAG_NAME|CHANGE_(?!ID\b)\w+|"
    r"ghprb\w+|gitlab\w+|GIT_AUTHOR_\w+|GIT_COMMITTER_\w+)|currentBuild\.(?:description|displayName))"
)
_SAFE_PARAMETER = re.compile(
    r"\b(?:choice|booleanParam)\s*\(?\s*[^)]*?\bname\s*:\s*['\"](\w+)['\"]"
)
_TEXT_PARAMETER = re.compile(  # as declared, not as handed to another job or bound
    r"\b(?:string|text)\s*\(?\s*(?=[^)]*\b(?:defaultValue|description)\b)[^)]*?\bname\s*:\s*['\"](\w+)['\"]"
)
_DECIDES = re.compile(r"[=!]=|\?\s|\.(?:equals|startsWith|endsWith|contains|matches|toBoolean)\(")
_ASSIGNED = re.compile(r"^\s*(?:def\s+|String\s+)?(?:env\.)?(\w+)\s*=\s*(?!=)(.+)$", re.MULTILINE)
_SHELL = re.compile(
    r"\beval\s+(?!set\s+--|.*%q)[^#]*?\$(?!\()|\b(?:ba|da|z)?sh\s+-[a-z]*c\s+\"[^\"]*\$"
)


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    match source.kind:
        case Kind.PYTHON:
            yield from _python(source)
        case Kind.JENKINSFILE:
            yield from _jenkins(source)
        case _:
            yield from _shell(source)


def _python(source: Source) -> Iterator[Hit]:
    for node in source.nodes:
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
    """Whoever names a branch or starts a build with a parameter writes into the command.

    What a Jenkinsfile sets itself, and the numbers that Jenkins gives, are harmless.
    """
    safe = set(_SAFE_PARAMETER.findall(source.text))
    carried = _carried(source.text, safe)
    for step in steps(source.text):
        foreign = [
            name for name in step.filled if _is_foreign(name, safe) or name_of(name) in carried
        ]
        if step.is_shell and foreign:
            line = line_at(source.text, step.start)
            yield Hit(line, f"Groovy fills {foreign[0][:40]}, which others choose, into a shell")


def _is_foreign(expression: str, safe: set[str]) -> bool:
    """Whether it has what others wrote; what only depends on it, as a comparison, has not."""
    chosen = _CHOSEN_BY_OTHERS.search(expression) and not _DECIDES.search(expression)
    return bool(chosen) and name_of(expression) not in safe


def _carried(text: str, safe: set[str]) -> set[str]:
    """Names that are set here to something that others choose."""
    found = set(_TEXT_PARAMETER.findall(without_comments(text)))
    for name, value in _ASSIGNED.findall(without_comments(text)):
        parts = re.findall(r"\$\{([^}]+)\}", value) or [value.strip()]
        if any(_is_foreign(part.strip(), safe) or name_of(part) in found for part in parts):
            found.add(name)
    return found


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
