"""The parts of the demo that decide something."""

import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from slipway.cli.demo.people import APPROVER, enrol_approver
from slipway.cli.demo.running import Runner
from slipway.cli.demo.scene import news, read_candidate
from slipway.cli.demo.sources import WorkingCopy
from slipway.cli.demo.telling import Teller
from slipway.cli.demo.watching import line_of
from slipway.errors import BadInput, StepFailed
from slipway.ledger import Kind, Record
from slipway.release import Target
from slipway.signers import read_signers

TARGET = Target(app="vouchers", environment="prod")


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(Teller(Console(quiet=True)), tmp_path)


def record(kind: Kind, body: dict[str, object]) -> Record:
    return Record(
        number=1,
        previous="sha256:" + "0" * 64,
        time="2026-01-01T00:00:00.000Z",
        actor="a",
        kind=kind,
        body=body,
    )


@pytest.mark.parametrize(
    ("kind", "body", "line"),
    [
        (Kind.OBSERVED, {"step": "traffic switched"}, "prod  traffic switched"),
        (
            Kind.OBSERVED,
            {"step": "traffic switched", "stage": "restore"},
            "prod  going back: traffic switched",
        ),
        (Kind.CLOSED, {"outcome": "restored"}, "prod  closed: restored"),
        (Kind.INTENT, {"step": "traffic switched"}, None),
        (
            Kind.REQUESTED,
            {"plan_hash": "sha256:0123456789abcdef"},
            "prod  the gate waits for approval of plan sha256:0123456789ab",
        ),
        (
            Kind.APPROVAL,
            {"decision": "approve", "approver": "bianca"},
            "prod  gate: approve by bianca, signature verified",
        ),
    ],
)
def test_a_record_is_told_as_a_line(kind: Kind, body: dict[str, object], line: str | None) -> None:
    assert line_of(TARGET, record(kind, body)) == line


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "04:09:38.768 | INFO    | Task run 'tags set' - Finished in state Completed()",
            "tags set: completed",
        ),
        ("04:09:38.768 | INFO    | Task run 'image web built' - #7 CACHED", None),
        ("04:09:38.768 | WARNING | Flow run 'x' - it is late", "04:09:38.768 | WARNING | Flow"),
        ("built: web", "built: web"),
        ("", None),
    ],
)
def test_integration_is_told_in_short(line: str, told: str | None) -> None:
    found = news(line)
    assert found is None if told is None else str(found).startswith(told)


@pytest.mark.parametrize("text", ["CANDIDATE=r/a@sha256:1\n", "A=1\nCANDIDATE='r/a@sha256:1'\n"])
def test_candidate_is_what_was_handed_over(tmp_path: Path, text: str) -> None:
    path = tmp_path / "image-digest.env"
    path.write_text(text)
    assert read_candidate(path) == "r/a@sha256:1"


def test_missing_candidate_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="names no candidate"):
        read_candidate(tmp_path / "image-digest.env")


def test_working_copy_is_a_repository_of_its_own(tmp_path: Path) -> None:
    copy = WorkingCopy.of_example("fastapi", tmp_path / "vouchers")
    revision = copy.change_line("vouchers/__init__.py", "1.0.0", "1.1.0", "Call it 1.1.0")
    assert copy.git("log", "--format=%H %an %s").splitlines()[0] == f"{revision} Ada Call it 1.1.0"
    assert copy.git("status", "--porcelain") == ""
    assert copy.git("diff", "--shortstat", "HEAD~1").strip().startswith("1 file changed, 1 inser")


def test_broken_example_is_a_commit_over_the_good_one(tmp_path: Path) -> None:
    copy = WorkingCopy.of_example("fastapi", tmp_path / "vouchers")
    copy.overlay("broken", "Show exchange rates")
    changed = copy.git("diff", "--name-only", "HEAD~1").split()
    assert "vouchers/rates.py" in changed


def test_text_that_is_not_there_cannot_be_changed(tmp_path: Path) -> None:
    copy = WorkingCopy.of_example("fastapi", tmp_path / "vouchers")
    with pytest.raises(BadInput, match="cannot be changed"):
        copy.change_line("vouchers/__init__.py", "9.9.9", "1", "No")


def test_approver_is_enrolled_once(tmp_path: Path) -> None:
    signers = tmp_path / "allowed_signers"
    first = enrol_approver(tmp_path / "keys", signers)
    assert enrol_approver(tmp_path / "keys", signers) == first
    assert [signer.principals for signer in read_signers(signers)] == [(APPROVER,)]
    assert first.key.stat().st_mode & 0o077 == 0


def test_command_is_run_and_its_code_is_held_to(runner: Runner) -> None:
    done = runner.run(["python", "-c", "print('hi'); raise SystemExit(3)"], {}, expect=[3])
    assert (done.code, done.output) == (3, "hi\n")
    with pytest.raises(StepFailed, match="exit code 3") as caught:
        runner.run(["python", "-c", "print('why'); raise SystemExit(3)"], {})
    assert caught.value.evidence == ("why",)


def test_what_a_command_prints_is_heard_line_by_line(runner: Runner) -> None:
    heard: list[str] = []
    done = runner.run(["python", "-c", "print('one'); print('two', end='')"], {}, hear=heard.append)
    assert heard == ["one"]
    assert done.output == "one\ntwo"


def test_command_sees_no_credential_of_the_shell(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    code = "import os; print(sorted(os.environ))"
    done = runner.run(["python", "-c", code], {"OWN": "1"})
    assert "OWN" in done.output
    assert "AWS" not in done.output


def test_command_that_does_not_end_is_stopped(runner: Runner) -> None:
    with pytest.raises(StepFailed, match="did not end in time"):
        runner.run(["python", "-c", "import time; time.sleep(60)"], {}, seconds=0.1)
    alive = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert "time.sleep(60)" not in alive.stdout
