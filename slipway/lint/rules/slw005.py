"""SLW005: a secret that is loaded while a module is imported lives as long as the process."""

import ast
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.source import Kind, Project, Source
from slipway.lint.taint import functions, is_load, secret_blocks

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_READS = {"get_secret_value": "SecretId", "get_parameter": "WithDecryption"}


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    blocks = secret_blocks(source)
    loading = _loading(source, blocks) if blocks else set()
    for node in _at_import(source.module):
        if not isinstance(node, ast.Call):
            continue
        if is_load(node, blocks) or _is_read(node):
            yield Hit(node.lineno, f"{ast.unparse(node.func)} runs when this is imported")
        elif isinstance(node.func, ast.Name) and node.func.id in loading:
            yield Hit(node.lineno, f"{node.func.id} loads a secret when this is imported")


def _loading(source: Source, blocks: frozenset[str]) -> set[str]:
    """Functions of this module that load a secret themselves."""
    return {
        function.name
        for function in functions(source)
        if any(is_load(node, blocks) for node in ast.walk(function))
    }


def _is_read(call: ast.Call) -> bool:
    """A value that AWS is asked for; `get_secret_value()` of SecretStr takes no arguments."""
    if not isinstance(call.func, ast.Attribute):
        return False
    needed = _READS.get(call.func.attr)
    return any(keyword.arg == needed for keyword in call.keywords) if needed else False


def _at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Everything that is evaluated by an import: no bodies of functions, no main guard."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _DEFINITIONS):
            outside = [*child.decorator_list, *child.args.defaults, *child.args.kw_defaults]
            for part in filter(None, outside):
                yield part
                yield from _at_import(part)
        elif not isinstance(child, ast.Lambda) and not _is_main_guard(child):
            yield child
            yield from _at_import(child)


def _is_main_guard(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "__main__" in ast.unparse(node.test)


RULE = Rule(
    id="SLW005",
    title="Secrets are loaded at last use",
    fix="load it inside the call that hands it to the target",
    kinds=frozenset({Kind.PYTHON}),
    check=_check,
)
