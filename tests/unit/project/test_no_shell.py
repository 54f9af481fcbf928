"""No program is started through a shell, so nothing in a value can be a command (G1)."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("slipway", "blocks", "tasks", "flows", "scripts")
# What an image's own HEALTHCHECK says, inside its container, as the engine itself would run it.
LEFT_OUT = {"blocks/platforms/docker_health.py"}
SHELLS = {"sh", "bash", "dash", "zsh", "/bin/sh", "/bin/bash", "/usr/bin/env"}
THROUGH_A_SHELL = {"system", "popen", "getoutput", "getstatusoutput", "create_subprocess_shell"}


def through_a_shell(source: str) -> list[int]:
    """Lines on which a shell reads what it is given."""
    return [node.lineno for node in ast.walk(ast.parse(source)) if _is_shell(node)]


def _is_shell(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        asked = any(word.arg == "shell" and not _is_false(word.value) for word in node.keywords)
        return asked or name in THROUGH_A_SHELL
    if isinstance(node, ast.List) and len(node.elts) > 1:
        words = [word.value for word in node.elts[:2] if isinstance(word, ast.Constant)]
        return len(words) == 2 and words[0] in SHELLS and str(words[1]).startswith("-")
    return False


def _is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


def sources() -> list[Path]:
    found = {path for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    return sorted(found - {ROOT / path for path in LEFT_OUT})


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_run_through_a_shell(path: Path) -> None:
    """G1: every program gets a list of arguments."""
    assert through_a_shell(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "subprocess.run(command, shell=True)",
        "subprocess.run(command, shell=choice)",
        "os.system(command)",
        "os.popen(command)",
        "asyncio.create_subprocess_shell(command)",
        "run(['sh', '-c', command])",
        "run(['/bin/bash', '-lc', command])",
    ],
)
def test_a_shell_would_be_found(source: str) -> None:
    assert through_a_shell(source) == [1]


@pytest.mark.parametrize("source", ["subprocess.run(argv, shell=False)", "run(['ssh', '-v'])"])
def test_a_list_of_arguments_is_fine(source: str) -> None:
    assert through_a_shell(source) == []
