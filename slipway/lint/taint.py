"""Which names of a Python function hold the value of a secret, followed through assignments."""

import ast
from collections.abc import Iterator

from slipway.lint.source import Source

Function = ast.FunctionDef | ast.AsyncFunctionDef
_LOADS = {"load", "aload"}
_KEEPING = {"str", "repr", "dict", "list", "tuple", "dumps", "format", "strip", "encode", "decode"}


def secret_blocks(source: Source) -> frozenset[str]:
    """Names that hold Prefect's Secret or credential blocks here, dotted where imported so."""
    found: set[str] = set()
    for node in source.nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("prefect"):
            for alias in node.names:
                name = alias.asname or alias.name
                if alias.name == "Secret" or alias.name.endswith(("Credentials", "Secret")):
                    found.add(name)
                elif alias.name == "system":
                    found.add(f"{name}.Secret")
        elif isinstance(node, ast.Import):
            names = [alias for alias in node.names if alias.name == "prefect.blocks.system"]
            found |= {f"{alias.asname or alias.name}.Secret" for alias in names}
    return frozenset(found)


def functions(source: Source) -> Iterator[Function]:
    """Every function, inner ones too."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return (node for node in source.nodes if isinstance(node, kinds))


def is_load(node: ast.AST, blocks: frozenset[str]) -> bool:
    """Whether this loads one of those blocks."""
    if isinstance(node, ast.Await):
        return is_load(node.value, blocks)
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    return node.func.attr in _LOADS and ast.unparse(node.func.value) in blocks


def _parts(node: ast.expr | None) -> list[ast.expr]:
    """Those parts of an expression that its value shows."""
    match node:
        case ast.Await() | ast.FormattedValue() | ast.Starred() | ast.NamedExpr():
            return [node.value]
        case ast.Dict() | ast.JoinedStr():
            return node.values
        case ast.List() | ast.Tuple() | ast.Set():
            return node.elts
        case ast.BinOp():
            return [node.left, node.right]
        case ast.IfExp():
            return [node.body, node.orelse]
    return []


class Taint:
    """What holds a secret within one function: loaded blocks, and values out of them."""

    def __init__(self, function: Function, blocks: frozenset[str]) -> None:
        self._classes = blocks
        self._blocks: set[str] = set()
        self._values: set[str] = set()
        for node in ast.walk(function):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = {target.id for target in targets if isinstance(target, ast.Name)}
                self._blocks |= names if is_load(node.value, blocks) else set()
                self._values |= names if self.holds(node.value) else set()

    def holds(self, node: ast.expr | None) -> bool:
        """Whether the value of the expression shows a secret's value."""
        if isinstance(node, ast.Name):
            return node.id in self._values
        if isinstance(node, ast.Call):
            return self._is_read(node) or self._keeps(node)
        return any(map(self.holds, _parts(node)))

    def _is_read(self, call: ast.Call) -> bool:
        """`block.get()`, or `value.get_secret_value()` of whatever it is."""
        if not isinstance(call.func, ast.Attribute):
            return False
        owner = call.func.value
        if call.func.attr == "get_secret_value":
            return True
        loaded = isinstance(owner, ast.Name) and owner.id in self._blocks
        return call.func.attr == "get" and (loaded or is_load(owner, self._classes))

    def _keeps(self, call: ast.Call) -> bool:
        """A call that only gives its argument another form."""
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        own = [call.func.value] if isinstance(call.func, ast.Attribute) else []
        return name in _KEEPING and any(self.holds(value) for value in [*given, *own])
