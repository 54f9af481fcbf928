"""The command line on a real engine and registry, with no Prefect server anywhere."""

import signal
import subprocess
import threading
from pathlib import Path

import pytest

from slipway.claim import LEASE_SECONDS, open_claim
from slipway.ledger import Kind, Record
from tests.rig.shells import Shell

pytestmark = pytest.mark.engine


def deploy_stuck(shell: Shell) -> "subprocess.Popen[str]":
    """One serves; a release that never becomes ready is being settled."""
    one, stuck = (
        shell.app.candidate("one"),
        shell.app.candidate("two", "never-ready", deadline="2m"),
    )
    shell.run("deploy", one, "dev")
    before = len(shell.app.ledger("dev").records())

    def settles(record: Record) -> bool:
        step = record.body.get("step") if record.kind is Kind.INTENT else None
        return record.number > before and step == "release healthy"

    process = shell.start("deploy", stuck, "dev")
    shell.app.await_record("dev", settles)
    return process


def test_deploy_and_back_without_a_server(shell: Shell) -> None:
    """D5: deploy, deploy, roll back; the commands that read say what happened."""
    app, (one, two) = shell.app.name, (shell.app.candidate(v) for v in ("one", "two"))
    assert "released and verified" in shell.run("deploy", one, "dev")
    assert "unchanged" in shell.run("deploy", one, "dev")
    shell.run("deploy", two, "dev")
    assert shell.app.answer("dev") == "two"
    assert "nothing would change" in shell.run("plan", two, "dev")
    assert "rolled back and verified" in shell.run("rollback", app, "dev")
    assert shell.app.answer("dev") == "one"
    rows = shell.read("history", app, "dev")
    assert [row["outcome"] for row in rows] == ["released", "released", "rolled back"]
    assert shell.read("status", app)[0]["serving"] == one
    assert shell.read("audit", "verify", app)[0]["checkpoint"] > 0
    assert "quarantined" in shell.run("deploy", two, "dev", code=3)


def test_failed_release_is_restored_and_explained(shell: Shell) -> None:
    """C3: exit code 4, the cause, the evidence, and the good one serves."""
    one, bad = shell.app.candidate("one"), shell.app.candidate("two", "never-ready", deadline="3s")
    shell.run("deploy", one, "dev")
    said = shell.run("deploy", bad, "dev", code=4)
    assert "serves again" in said
    assert "Traceback" not in said
    assert shell.app.answer("dev") == "one"


def test_first_ctrl_c_stops_and_restores(shell: Shell) -> None:
    """A6: a safe point, then the way back; nothing is left open."""
    process = deploy_stuck(shell)
    process.send_signal(signal.SIGINT)
    said = shell.end(process, 4)
    assert "operator" in said
    assert open_claim(shell.app.ledger("dev").records()) is None
    assert shell.app.answer("dev") == "one"


def test_second_ctrl_c_leaves_what_recover_settles(shell: Shell) -> None:
    """A6, B2: leaving at once keeps the state recoverable, once the lease ran out."""
    process = deploy_stuck(shell)
    process.send_signal(signal.SIGSTOP)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCONT):
        process.send_signal(number)
    said = shell.end(process, 130)
    assert f"slipway recover {shell.app.name} dev" in said
    assert open_claim(shell.app.ledger("dev").records())
    assert shell.app.answer("dev") == "one"
    shell.run("recover", shell.app.name, "dev", code=9)
    threading.Event().wait(LEASE_SECONDS + 1)
    assert "restored and verified" in shell.run("recover", shell.app.name, "dev")
    assert shell.app.answer("dev") == "one"


def test_gate_opens_by_a_signature_of_another_person(shell: Shell, keys: Path) -> None:
    """I1: the command waits; `slipway approve` by somebody enrolled lets it go on."""
    one = shell.app.gated_candidate("one", "60s")
    process = shell.start("deploy", one, "prod", "--requested-by", "jenkins")
    asked = shell.app.await_record("prod", lambda record: record.kind is Kind.REQUESTED)
    about = ["--app", shell.app.name, "--environment", "prod", "--plan", asked.body["plan_hash"]]
    mallory = ["--key", str(keys / "mallory"), "--approver", "mallory"]
    shell.run("approve", one, *about, *mallory, code=3)
    shell.run("approve", one, *about, "--key", str(keys / "alice"), "--approver", "alice")
    assert "released and verified" in shell.end(process, 0)
    assert shell.app.answer("prod") == "one"


def test_candidate_that_the_registry_lacks_changes_nothing(shell: Shell) -> None:
    """C2: refused before anything is touched."""
    one = shell.app.candidate("one")
    missing = one.partition("@")[0] + "@sha256:" + "0" * 64
    assert "does not hold" in shell.run("deploy", missing, "dev", code=3)
    assert shell.app.ledger("dev").records() == []
