"""What an agent's process leaves behind, however it ends; and an agent that can push nothing."""

import sys
from pathlib import Path

import pytest

from slipway.ci_failure import parse_failure
from slipway.errors import TestsFailed
from tasks import agent
from tasks.agent import run_agent, show_previewed
from tasks.integrate import Previewed
from tasks.preview import preview_tier

REPORT = '<testsuite tests="1"><testcase name="t"/></testsuite>'


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The output folder of a process that is started with its two arguments."""
    monkeypatch.setattr(sys, "argv", ["preview", "--app-dir", ".", "--output-dir", str(tmp_path)])
    monkeypatch.setattr(agent, "check_server", lambda url: None)
    (tmp_path / "junit-1.xml").write_text(REPORT)
    return tmp_path


async def green(**given: object) -> Previewed:
    return Previewed(verdicts=(), built=("web",))


async def red(**given: object) -> Previewed:
    raise TestsFailed("red", evidence=["1 == 2"], next_step="mend it", stage="test")


async def broken(**given: object) -> Previewed:
    raise RuntimeError("password=hunter2")


def test_a_good_end_leaves_the_reports(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_agent(green, show_previewed, versioned=False)
    assert 'tests="1"' in (out / "pytest-report.xml").read_text()
    assert not (out / "failure.json").exists()
    said = capsys.readouterr()
    assert said.out == ""
    assert "nothing was pushed or signed" in said.err


def test_a_bad_end_is_written_down(out: Path) -> None:
    """S2-29: stage, whose issue, evidence and next step, for the box."""
    with pytest.raises(SystemExit) as ended:
        run_agent(red, show_previewed, versioned=False)
    assert ended.value.code == 4
    failure = parse_failure((out / "failure.json").read_text())
    assert (failure.stage, failure.tier, failure.cause) == ("test", "build", "test")
    assert (failure.evidence, failure.next_step) == (("1 == 2",), "mend it")
    assert (out / "pytest-report.xml").exists()


def test_of_a_bug_only_its_kind_is_told(out: Path) -> None:
    """G8: its text may hold anything."""
    with pytest.raises(SystemExit):
        run_agent(broken, show_previewed, versioned=False)
    text = (out / "failure.json").read_text()
    assert "RuntimeError" in text
    assert "hunter2" not in text


def test_a_report_that_is_none_changes_no_result(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (out / "junit-1.xml").write_text("<!DOCTYPE a><a/>")
    run_agent(green, show_previewed, versioned=False)
    assert "no pytest-report.xml" in capsys.readouterr().err


def test_a_preview_takes_no_credential(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """S2-30: not even those that its environment happens to hold."""
    key = tmp_path / "key.pem"
    for name, value in {
        "REGISTRY": "127.0.0.1:5055",
        "REGISTRY_USERNAME": "pusher",
        "REGISTRY_PASSWORD": "hunter2",
        "SIGNING_KEY": str(key),
    }.items():
        monkeypatch.setenv(f"SLIPWAY_BUILD_{name}", value)
    tier = preview_tier()
    assert tier.credentials is None
    assert tier.settings.signing_key != key
