"""A shell without variables gets the local stack's, and one with others keeps its own."""

import pytest

from slipway.cli.environment import missing_variables

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
