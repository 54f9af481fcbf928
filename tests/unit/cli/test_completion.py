"""The shell completes the commands."""

import pytest
from typer.testing import CliRunner

from slipway.cli import main


@pytest.mark.parametrize(
    ("typed", "offered"), [("slipway roll", "rollback"), ("slipway secrets rot", "rotate")]
)
def test_a_shell_completes_a_command(typed: str, offered: str) -> None:
    variables = {
        "_SLIPWAY_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(typed.count(" ")),
    }
    done = CliRunner().invoke(main.app, [], env=variables, prog_name="slipway")
    assert done.stdout.split() == [offered]
