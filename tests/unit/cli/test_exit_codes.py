"""docs/exit-codes.md says what the error tree does."""

import re
from pathlib import Path

from slipway import errors

TABLE = Path(__file__).parents[3] / "docs" / "exit-codes.md"
ROW = re.compile(r"^\| (\d+) \| ([^|]*) \|.*\| (yes|no|) \|$", re.MULTILINE)


def documented() -> dict[str, tuple[int, bool]]:
    """Error class to exit code and whether trying again helps."""
    found = {}
    for code, names, again in ROW.findall(TABLE.read_text()):
        for name in re.findall(r"\b[A-Z][A-Za-z]+\b", names):
            found[name] = (int(code), again == "yes")
    return found


def branches() -> list[type[errors.SlipwayError]]:
    return [*errors.Final.__subclasses__(), *errors.Retryable.__subclasses__()]


def test_every_branch_is_documented_with_its_code() -> None:
    """S4-18: exit codes are a contract."""
    actual = {
        kind.__name__: (kind.exit_code, kind.retryable)
        for kind in branches()
        if kind.__module__ == errors.__name__
    }
    assert actual == documented()


def test_a_leaf_has_the_code_of_its_branch() -> None:
    for branch in branches():
        for leaf in branch.__subclasses__():
            assert leaf.exit_code == branch.exit_code, leaf
