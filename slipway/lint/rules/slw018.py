"""SLW018: a log and a result outlive the run, and Prefect's API shows both (S2-23, G8)."""

import ast
import re
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.groovy import bound_secrets
from slipway.lint.shell import Command, commands
from slipway.lint.source import Kind, Project, Source
from slipway.lint.taint import Function, Taint, functions, secret_blocks
from slipway.lint.words import looks_secret

_LOGS = {"debug", "info", "warning", "error", "critical", "exception", "log"}
_PRINTS = re.compile(r"^(?:echo|printf)\s")
_TRACES = re.compile(r"^set\s+(?:-[a-wyz]*x|-o\s+xtrace)")
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    if source.kind is Kind.PYTHON:
        blocks = secret_blocks(source)
        holds_any = blocks or "get_secret_value" in source.text
        for function in functions(source) if holds_any else ():
            yield from _python(function, Taint(function, blocks))
    else:
        yield from _shell(source)


def _python(function: Function, taint: Taint) -> Iterator[Hit]:
    is_run = any(_name(item) in {"task", "flow"} for item in function.decorator_list)
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and _tells(node):
            if any(map(taint.holds, node.args)):
                yield Hit(node.lineno, f"{ast.unparse(node.func)[:40]} tells a secret's value")
        elif isinstance(node, ast.Return) and is_run and taint.holds(node.value):
            yield Hit(node.lineno, f"{function.name} returns a secret's value as its result")
        elif isinstance(node, ast.Raise) and any(map(taint.holds, _given(node.exc))):
            yield Hit(node.lineno, "the error's text holds a secret's value")


def _name(decorator: ast.expr) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return called.attr if isinstance(called, ast.Attribute) else ast.unparse(called)


def _given(error: ast.expr | None) -> list[ast.expr]:
    return error.args if isinstance(error, ast.Call) else []


def _tells(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Attribute):
        owner = ast.unparse(call.func.value).lower()
        return call.func.attr in _LOGS and ("log" in owner or owner == "self.log")
    return isinstance(call.func, ast.Name) and call.func.id in {"print", "pprint"}


def _shell(source: Source) -> Iterator[Hit]:
    bound = bound_secrets(source.text) if source.kind is Kind.JENKINSFILE else frozenset()
    for command in commands(source):
        told = [name for name in _VARIABLE.findall(command.text) if _is_secret(name, bound)]
        if told and _is_printed(command):
            yield Hit(command.line, f"prints the secret {told[0]}")
        if bound and _TRACES.search(command.text):
            yield Hit(command.line, "set -x prints each command with what it was given")


def _is_secret(name: str, bound: frozenset[str]) -> bool:
    return name in bound or looks_secret(name)


def _is_printed(command: Command) -> bool:
    """Not into a pipe, a file or a variable."""
    to_log = command.after != "|" and ">" not in command.text
    return to_log and bool(_PRINTS.search(command.text)) and "$(" not in command.text


RULE = Rule(
    id="SLW018",
    title="Secrets are neither printed nor returned",
    fix="tell its name or its length; hand the value to what needs it, inside the same call",
    kinds=frozenset({Kind.PYTHON, Kind.JENKINSFILE, Kind.SHELL}),
    check=_check,
)
