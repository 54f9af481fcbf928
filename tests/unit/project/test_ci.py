"""A proof that could not run is reported by name, and fails where CI is set."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
NEEDS_ENGINE = """
import pytest

@pytest.mark.engine
def test_on_an_engine():
    pass

def test_of_nothing():
    pass
"""


@pytest.mark.parametrize(
    ("ci", "code", "last_line"),
    [("", 0, "1 passed, 1 skipped"), ("true", 1, "1 passed, 1 error")],
    ids=["at-a-desk", "under-ci"],
)
def test_a_lane_that_cannot_run(tmp_path: Path, ci: str, code: int, last_line: str) -> None:
    (tmp_path / "test_sample.py").write_text(NEEDS_ENGINE)
    nowhere = f"unix://{tmp_path}/no-engine.sock"
    argv = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    argv += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), str(tmp_path)]
    environment = {**os.environ, "CI": ci, "DOCKER_HOST": nowhere, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "engine lane: no Docker engine" in done.stdout
    assert nowhere in done.stdout
    assert last_line in done.stdout.splitlines()[-1]


def test_ci_runs_make_test_and_nothing_of_its_own() -> None:
    run = ROOT / ".ci" / "run"
    assert os.access(run, os.X_OK)
    lines = [line for line in run.read_text().splitlines() if line and not line.startswith("#")]
    assert lines[-1] == "exec make test"
    assert all(line.startswith(("set ", "cd ")) for line in lines[:-1])


SOMETIMES = """
from pathlib import Path
import pytest

WAS_HERE = Path(__file__).with_name("was-here")

def test_that_fails_the_first_time():
    again = WAS_HERE.exists()
    WAS_HERE.touch()
    assert again

def test_that_passes():
    pass
"""
ALWAYS = """
def test_that_fails_each_time():
    assert False
"""


@pytest.mark.parametrize(
    ("sample", "code", "word"),
    [
        (SOMETIMES, 0, "flaky: failed beside others, passed alone: "),
        (ALWAYS, 1, "1 failed in "),
    ],
    ids=["flaky", "broken"],
)
def test_what_failed_beside_others_runs_once_more_alone(
    tmp_path: Path, sample: str, code: int, word: str
) -> None:
    (tmp_path / "test_sample.py").write_text(sample)
    (tmp_path / "pytest.ini").touch()
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "--numprocesses=2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": " ".join(options[:4])}
    done = subprocess.run(
        [sys.executable, "-m", "tests", options[4]],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=tmp_path,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "1 failed beside others; each once more, alone:" in done.stdout
    assert word in done.stdout.splitlines()[-1]
