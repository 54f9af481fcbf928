"""SLW008: the building tier never sees runtime secrets, nor the running tier build credentials.

The app files declare the runtime secrets; other names are told apart by their words (G11, N05).
"""

import ast
import re
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.groovy import without_comments
from slipway.lint.source import Kind, Project, Source
from slipway.lint.words import is_build_tier, is_runtime_tier, same_name

_PUSHES = re.compile(r"push_\w*(password|token|secret|key)|signing_key")
_BLOCK = re.compile(r"\{\{\s*prefect\.blocks\.[\w-]+\.([\w-]+)")
_ACCESS = {"load", "aload", "save", "asave"}
_CREDENTIAL = re.compile(r"(?:credentialsId\s*:?\s*|\bcredentials\s*\(\s*)[\"']([^\"'$]+)[\"']")


def _check(source: Source, project: Project) -> Iterator[Hit]:
    match source.kind:
        case Kind.JENKINSFILE:
            yield from _jenkins(source, project)
        case Kind.APPFILE:
            yield from _appfile(source)
        case Kind.PREFECT:
            yield from _prefect(source)
        case _:
            yield from _python(source)


def _jenkins(source: Source, project: Project) -> Iterator[Hit]:
    for number, line in enumerate(without_comments(source.text).splitlines(), start=1):
        for name in _CREDENTIAL.findall(line):
            declared = any(same_name(name, secret) for secret in project.runtime_secrets)
            if declared or is_runtime_tier(name):
                yield Hit(number, f"credential {name} is a runtime secret in Jenkins")


def _appfile(source: Source) -> Iterator[Hit]:
    seen: set[str] = set()
    for value in source.values:
        name = str(value.path[1]) if value.path[:1] == ("secrets",) and value.path[1:] else ""
        if name and name not in seen and is_build_tier(name):
            yield Hit(value.line, f"runtime secret {name} is a credential of the building tier")
        seen.add(name)


def _prefect(source: Source) -> Iterator[Hit]:
    for value in source.values:
        if "job_variables" in value.path and is_build_tier(value.key):
            yield Hit(value.line, f"{value.key} hands a build credential to a worker")
        for name in _BLOCK.findall(value.text):
            if is_build_tier(name):
                yield Hit(value.line, f"block {name} holds a build credential")


def _python(source: Source) -> Iterator[Hit]:
    for node in source.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = _text(node.args[0]) if node.args else ""
            if node.func.attr in _ACCESS and is_build_tier(name):
                yield Hit(node.lineno, f"block {name} holds a build credential")
        elif isinstance(node, ast.ClassDef) and any(_is_block(base) for base in node.bases):
            yield from _schema(node)


def _is_block(base: ast.expr) -> bool:
    return ast.unparse(base).rpartition(".")[2] in {"Block", "CredentialsBlock"}


def _schema(block: ast.ClassDef) -> Iterator[Hit]:
    for node in block.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
            if is_build_tier(name) or _PUSHES.search(name):
                yield Hit(node.lineno, f"block {block.name} stores the build credential {name}")


def _text(node: ast.expr) -> str:
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else ""


RULE = Rule(
    id="SLW008",
    title="The two tiers of secrets stay apart",
    fix="keep build credentials in Jenkins and runtime secrets in blocks; hand over the candidate",
    kinds=frozenset({Kind.JENKINSFILE, Kind.APPFILE, Kind.PREFECT, Kind.PYTHON}),
    check=_check,
)
