"""Approver, releaser and recovery at machines whose clocks are hours off; the engine is real."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from slipway.claim import LEASE_SECONDS, open_claim
from slipway.ledger import Kind, Record
from tests.rig.faketime import another_clock, hours
from tests.rig.shells import Shell

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]
Shifted = Callable[[float], dict[str, str]]
SKEWS = [(3, -3), (-3, 3)]


@pytest.fixture
def shifted(tmp_path: Path) -> Iterator[Shifted]:
    """Variables of a process whose wall clock is off by so many hours."""
    with ExitStack() as stack:

        def variables(count: float) -> dict[str, str]:
            folder = tmp_path / f"clock{count:+g}"
            return stack.enter_context(another_clock(folder, hours(count))).environment

        yield variables


def settles(record: Record) -> bool:
    return record.kind is Kind.INTENT and record.body.get("step") == "release healthy"


def stuck(shell: Shell, **clock: str) -> "subprocess.Popen[str]":
    """One serves; two, which never becomes ready, is being settled by a clock that is off."""
    shell.run("deploy", shell.app.candidate("one"), "dev", **clock)
    before = len(shell.app.ledger("dev").records())
    two = shell.app.candidate("two", "never-ready", deadline="2m")
    process = shell.start("deploy", two, "dev", **clock)
    shell.app.await_record("dev", lambda record: record.number > before and settles(record))
    return process


@pytest.mark.parametrize(("approver", "releaser"), SKEWS)
def test_gate_opens_for_a_signature_whosever_clock_is_off(
    shell: Shell, keys: Path, shifted: Shifted, approver: float, releaser: float
) -> None:
    """I6: six hours lie between the two; what is signed for an hour counts, and is dated right."""
    one = shell.app.gated_candidate("one", "120s")
    began = time.time()
    process = shell.start("deploy", one, "prod", "--requested-by", "jenkins", **shifted(releaser))
    asked = shell.app.await_record("prod", lambda record: record.kind is Kind.REQUESTED)
    about = ["--app", shell.app.name, "--environment", "prod", "--plan", asked.body["plan_hash"]]
    who = ["--key", str(keys / "alice"), "--approver", "alice"]
    shell.run("approve", one, *about, *who, **shifted(approver))
    assert "released and verified" in shell.end(process, 0)
    assert shell.app.answer("prod") == "one"
    times = [datetime.fromisoformat(r.time) for r in shell.app.ledger("prod").records()]
    assert times == sorted(times)
    assert abs(times[0].timestamp() - began) < 600


@pytest.mark.parametrize(("holder", "other"), SKEWS)
def test_a_lease_is_fooled_by_no_clock(
    shell: Shell, shifted: Shifted, holder: float, other: float
) -> None:
    """I6, B2: the living keeps its claim; the dead loses it as its lease runs out, no later."""
    process = stuck(shell, **shifted(holder))
    shell.run("recover", shell.app.name, "dev", code=9, **shifted(other))
    assert shell.read("status", shell.app.name)[0]["held"].endswith("alive")  # type: ignore[index]

    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    threading.Event().wait(LEASE_SECONDS + 1)
    said = shell.run("recover", shell.app.name, "dev", **shifted(other))

    assert "restored and verified" in said
    assert open_claim(shell.app.ledger("dev").records()) is None
    assert shell.app.answer("dev") == "one"


def test_a_deadline_passes_though_the_clock_is_off(shell: Shell, shifted: Shifted) -> None:
    """I6, C3: what never turns ready fails at its deadline, with the engine's events kept."""
    shell.run("deploy", shell.app.candidate("one"), "dev")
    bad = shell.app.candidate("two", "never-ready", deadline="3s")
    began = time.monotonic()
    assert "serves again" in shell.run("deploy", bad, "dev", code=4, **shifted(3))
    assert time.monotonic() - began < 100
    assert shell.app.answer("dev") == "one"
