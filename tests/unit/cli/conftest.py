"""The command line on the memory platform, with a real ledger in a folder."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from blocks import compose
from slipway.cli import environment, main
from tests.fakes.world import World


@pytest.fixture(autouse=True)
def no_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stack of the machine is out of sight."""
    monkeypatch.setattr(environment, "stack_file", lambda: tmp_path / "no-stack.env")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "ledger")


@pytest.fixture
def slipway(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs one command."""
    monkeypatch.setattr(compose, "open_platform", lambda settings, name: world.platform)
    monkeypatch.setenv("SLIPWAY_STATE", str(tmp_path))
    monkeypatch.setenv("SLIPWAY_LEDGER", str(world.folder))
    monkeypatch.setenv("SLIPWAY_ACTOR", "olga")
    runner = CliRunner()
    return lambda *argv: runner.invoke(main.app, list(argv))
