"""A shell without variables gets the local stack's, and one with others keeps its own."""

from pathlib import Path

import pytest

from slipway.cli.environment import missing_variables, stack_file
from slipway.cli.stack.settings import StackSettings

STACK = {"SLIPWAY_STATE": "/s", "SLIPWAY_LEDGER": "/s/ledger", "PREFECT_API_URL": "http://p/api"}


@pytest.mark.parametrize(
    ("shell", "taken"),
    [
        ({}, STACK),
        ({"PATH": "/bin", "SLIPWAY_ACTOR": "olga"}, STACK),
        ({"SLIPWAY_STATE": "/s"}, {k: v for k, v in STACK.items() if k != "SLIPWAY_STATE"}),
        ({"SLIPWAY_LEDGER": "/other"}, {}),
        ({"SLIPWAY_STATE": "/other"}, {}),
        ({"PREFECT_API_URL": "http://other/api"}, {}),
        (STACK, {}),
    ],
)
def test_variables_of_the_stack(shell: dict[str, str], taken: dict[str, str]) -> None:
    assert missing_variables(shell, STACK) == taken


def test_without_a_stack_nothing_is_taken() -> None:
    assert missing_variables({"SLIPWAY_STATE": "/s"}, {}) == {}


@pytest.mark.parametrize("name", ["SLIPWAY_STATE", "SLIPWAY_STACK_STATE"])
def test_a_stack_elsewhere_is_found_where_it_was_put(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """Else a command would talk to another Prefect server than the stack's."""
    for known in ("SLIPWAY_STATE", "SLIPWAY_STACK_STATE"):
        monkeypatch.delenv(known, raising=False)
    monkeypatch.setenv(name, str(tmp_path))
    assert stack_file() == StackSettings().runtime_environment == tmp_path / "stack.env"
