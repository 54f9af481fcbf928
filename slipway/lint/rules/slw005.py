"""SLW005: a secret that is loaded while a module is imported lives as long as the process."""

import ast
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.source import Kind, Project, Source

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    blocks = _secret_blocks(source.module)
    for node in _at_import(source.module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            loads = node.func.attr in {"load", "aload"}
            if loads and isinstance(owner, ast.Name) and owner.id in blocks:
                yield Hit(node.lineno, f"{owner.id}.{node.func.attr} runs when this is imported")


def _secret_blocks(module: ast.Module) -> frozenset[str]:
    """Names that hold Prefect's Secret or credential blocks here."""
    found = {
        alias.asname or alias.name
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("prefect")
        for alias in node.names
        if alias.name == "Secret" or alias.name.endswith(("Credentials", "Secret"))
    }
    return frozenset(found)


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
