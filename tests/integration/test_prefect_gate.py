"""The gate of production on a real server: the form, the command line, impostors, the clock."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.approval import ApprovalRequest, Decision, Statement
from slipway.claim import open_claim
from slipway.gatekeeper import last_request
from slipway.ledger import Kind
from tests.rig.prefect_rig import App, PrefectRig

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(300)]
Sign = Callable[..., str]


@pytest.fixture
def waiting(app: App) -> str:
    """A candidate that needs an approval."""
    return app.gated_candidate("one", timeout="90s")


def ask(rig: PrefectRig, app: App, candidate: str, by: str = "ci@example.org") -> str:
    """Start a deploy to production and wait until its form is open; the run's id."""
    run_id = rig.start_run(
        "deploy/deploy", candidate=candidate, environment="prod", requested_by=by
    )
    app.await_record("prod", lambda record: record.kind is Kind.REQUESTED)
    await_paused(rig, run_id)
    return run_id


def await_paused(rig: PrefectRig, run_id: str) -> None:
    for _ in range(100):
        if rig.flow_run(run_id)["state"]["type"] == "PAUSED":
            return
        time.sleep(0.2)
    raise TimeoutError(rig.flow_run(run_id)["state"])


def press(rig: PrefectRig, run_id: str, text: str) -> str:
    """Press the button of the form, as the UI does; what the server says."""
    body = {"run_input": {"approval": text}}
    return str(rig.post(f"/flow_runs/{run_id}/resume", body)["status"])


def statement(app: App, by: str = "alice@example.org", **changes: object) -> Statement:
    request = last_request(app.ledger("prod").records())
    assert isinstance(request, ApprovalRequest)
    said = Statement(
        candidate=request.candidate,
        app=app.name,
        environment="prod",
        plan=request.plan_hash,
        decision=Decision.APPROVE,
        approver=by,
        expires=request.requested_at + timedelta(minutes=30),
    )
    return said.model_copy(update=changes)


def test_form_of_the_ui_opens_the_gate(
    prefect_rig: PrefectRig, app: App, waiting: str, sign: Sign
) -> None:
    """I5: nothing is held while it waits; then the signature in the form is enough."""
    run_id = ask(prefect_rig, app, waiting)
    assert open_claim(app.ledger("prod").records()) is None

    assert press(prefect_rig, run_id, sign(statement(app))) == "ACCEPT"

    assert prefect_rig.final_state(run_id)["type"] == "COMPLETED"
    assert app.answer("prod") == "one"


def test_command_line_opens_the_same_gate(
    prefect_rig: PrefectRig, app: App, waiting: str, keys: Path
) -> None:
    run_id = ask(prefect_rig, app, waiting)
    request = last_request(app.ledger("prod").records())
    assert request

    done = prefect_rig.run(
        *("slipway", "approve", "--app", app.name, "--environment", "prod"),
        *(waiting, "--plan", request.plan_hash, "--key", str(keys / "alice")),
        *("--approver", "alice@example.org"),
    )

    assert done.returncode == 0, done.stderr
    assert prefect_rig.final_state(run_id)["type"] == "COMPLETED"
    assert app.answer("prod") == "one"


def test_impostors_leave_the_gate_closed(
    prefect_rig: PrefectRig, app: App, waiting: str, sign: Sign
) -> None:
    """I1, I2, I3: a button, a stranger's key, another plan and the requester open nothing."""
    run_id = ask(prefect_rig, app, waiting, by="alice@example.org")
    forged = [
        "approved",
        sign(statement(app, by="mallory@example.org"), "mallory"),
        sign(statement(app, plan="sha256:" + "0" * 64)),
        sign(statement(app, environment="stage")),
        sign(statement(app)),
    ]
    for text in forged:
        press(prefect_rig, run_id, text)
        time.sleep(2)
        await_paused(prefect_rig, run_id)
    assert not [r for r in app.ledger("prod").records() if r.kind is Kind.CLAIM]

    denial = sign(statement(app, decision=Decision.DENY))
    press(prefect_rig, run_id, denial)
    state = prefect_rig.final_state(run_id)
    assert state["type"] == "FAILED"
    assert "denied" in state["message"]


def test_nobody_in_time_is_named_in_the_state(prefect_rig: PrefectRig, app: App) -> None:
    """I4: the run ends red by itself and says why; a late signature opens nothing."""
    candidate = app.gated_candidate("one", timeout="3s")

    done = prefect_rig.trigger("deploy/deploy", candidate=candidate, environment="prod")

    assert done.returncode == 1
    run = prefect_rig.runs(tags={"all_": [f"app:{app.name}", "environment:prod"]})[0]
    assert "nobody opened the gate" in run["state"]["message"]
    assert not [r for r in app.ledger("prod").records() if r.kind is Kind.CLAIM]
