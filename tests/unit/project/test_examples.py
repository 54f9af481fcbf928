"""The examples' own checks: what people copy first is linted, tested, measured and locked."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.appfile import AppFile, parse

EXAMPLES = Path(__file__).parents[3] / "examples"
APPS = sorted(path.parent.name for path in EXAMPLES.glob("*/slipway.yaml"))


def appfile_of(app: str) -> AppFile:
    return parse((EXAMPLES / app / "slipway.yaml").read_bytes())


def lint_command(app: str) -> list[str]:
    """The app's own, with the python that runs the tests."""
    (found,) = [command for command in appfile_of(app).tests if "ruff" in command]
    return [sys.executable, *found[1:]]


@pytest.mark.parametrize("app", APPS)
def test_an_app_installs_lints_tests_and_measures(app: str) -> None:
    """S1-17, S1-18, S1-19, S3-06: locked requirements, static analysis, pytest with coverage."""
    install, lint, test = appfile_of(app).tests
    assert {"pip", "--require-hashes", "-r"} <= set(install)
    assert lint[:4] == ("python3", "-m", "ruff", "check")
    assert test[:3] == ("python3", "-m", "pytest")
    assert any(word.startswith("--cov=") for word in test)


@pytest.mark.parametrize("app", APPS)
def test_what_its_checks_need_is_locked_too(app: str) -> None:
    """S2-10: requirements.txt and requirements-dev.txt, each line by its hash."""
    (lock,) = (EXAMPLES / app).rglob("requirements-dev.txt")
    pins = [line for line in lock.read_text().splitlines() if line[:1].isalpha()]
    assert {"pytest", "pytest-cov", "ruff"} <= {pin.partition("==")[0] for pin in pins}
    released = lock.with_name("requirements.txt").read_text().splitlines()
    assert {line for line in released if line[:1].isalpha()} <= set(pins)


@pytest.mark.parametrize("app", APPS)
def test_the_lint_of_an_app_bites(app: str, tmp_path: Path) -> None:
    """S1-19, S2-10: clean as it is; red with a name that nobody uses."""
    folder = tmp_path / app
    shutil.copytree(EXAMPLES / app, folder, ignore=shutil.ignore_patterns("site"))
    assert subprocess.run(lint_command(app), cwd=folder, check=False).returncode == 0
    source = next(path for path in folder.rglob("*.py") if path.parent.name == "tests")
    source.write_text(f"import os\n{source.read_text()}")
    found = subprocess.run(
        lint_command(app), cwd=folder, capture_output=True, text=True, check=False
    )
    assert found.returncode == 1
    assert "F401" in found.stdout
