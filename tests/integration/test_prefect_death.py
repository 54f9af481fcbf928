"""Workers, flows and servers die in the middle of a rollout; nobody has to click anything."""

import os
import signal
import time
from collections.abc import Iterator

import psutil
import pytest

from slipway.claim import LEASE_SECONDS
from slipway.cli.stack.prefect import SERVER, WORKER
from slipway.history import Outcome
from slipway.ledger import Kind, Record
from slipway.platform import Stage
from tests.rig.prefect_rig import App, PrefectRig

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]
SPARE_SECONDS = 30


@pytest.fixture
def healed(prefect_rig: PrefectRig) -> Iterator[None]:
    """Server and worker are up again afterwards."""
    yield
    prefect_rig.prefect.wait_for_server(prefect_rig.prefect.start_server())
    prefect_rig.start_worker()


def rolling_out(rig: PrefectRig, app: App) -> str:
    """One serves and two, which never becomes ready, is being rolled out; the run's id."""
    assert app.deploy(app.candidate("one")) == "COMPLETED"
    two = app.candidate("two", "never-ready", deadline="2m")
    run_id = rig.start_run("deploy/deploy", candidate=two, environment="dev")
    app.await_record("dev", lambda record: settles(record) and is_new(record, app))
    return run_id


def settles(record: Record) -> bool:
    return record.kind is Kind.INTENT and record.body["stage"] == Stage.SETTLE


def is_new(record: Record, app: App) -> bool:
    claims = [r.number for r in app.ledger("dev").records() if r.kind is Kind.CLAIM]
    return record.number > claims[-1] and len(claims) > 1


def restored_within(app: App, seconds: float) -> float:
    """Seconds until the release that was rolled out is closed as restored."""
    started = time.monotonic()
    app.await_record("dev", lambda r: r.body.get("outcome") == Outcome.RESTORED, seconds)
    assert app.answer("dev") == "one"
    return time.monotonic() - started


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    os.kill(pid, number)


def recoveries(rig: PrefectRig, app: App) -> list[dict[str, object]]:
    runs = rig.runs(name={"like_": f"recover {app.name}"})
    return [run for run in runs if run["parameters"].get("app") == app.name]


def test_dead_flow_is_recovered_by_one_run(prefect_rig: PrefectRig, app: App) -> None:
    """A1: the flow alone dies; the keeper starts the recover deployment once."""
    run_id = rolling_out(prefect_rig, app)
    kill(app.lease_pid("dev"))

    restored_within(app, LEASE_SECONDS + SPARE_SECONDS)

    assert prefect_rig.final_state(run_id)["type"] == "CRASHED"
    runs = recoveries(prefect_rig, app)
    assert len(runs) == 1
    assert prefect_rig.final_state(str(runs[0]["id"]))["type"] == "COMPLETED"


def test_dead_host_is_recovered_without_a_worker(
    prefect_rig: PrefectRig, app: App, healed: None
) -> None:
    """A4: worker and flow die at once; the release is restored and the run no longer runs."""
    run_id = rolling_out(prefect_rig, app)
    flow, worker = app.lease_pid("dev"), prefect_rig.process(WORKER).pid
    kill(worker)
    kill(flow)

    restored_within(app, LEASE_SECONDS + SPARE_SECONDS)

    assert prefect_rig.final_state(run_id, 60)["type"] == "CRASHED"


def test_stopped_worker_leaves_nothing_half_done(
    prefect_rig: PrefectRig, app: App, healed: None
) -> None:
    """A3: SIGTERM to the worker aborts its flow at once; the keeper restores."""
    rolling_out(prefect_rig, app)
    flow, worker = app.lease_pid("dev"), prefect_rig.process(WORKER).pid
    kill(worker, signal.SIGTERM)
    psutil.wait_procs([psutil.Process(flow)] if psutil.pid_exists(flow) else [], timeout=20)

    restored_within(app, LEASE_SECONDS + SPARE_SECONDS + 10)


def test_orphaned_flow_finishes_by_itself(prefect_rig: PrefectRig, app: App, healed: None) -> None:
    """A3: the worker alone is killed; the rollout goes on to its end."""
    assert app.deploy(app.candidate("one")) == "COMPLETED"
    two = app.candidate("two", bake="8s")
    prefect_rig.start_run("deploy/deploy", candidate=two, environment="dev")
    app.await_record("dev", lambda record: settles(record) and is_new(record, app))
    kill(prefect_rig.process(WORKER).pid)

    app.await_record(
        "dev", lambda r: r.kind is Kind.CLOSED and r.number > 30 and r.body["outcome"] == "released"
    )
    assert app.answer("dev") == "two"


def test_keeper_recovers_with_the_server_down(
    prefect_rig: PrefectRig, app: App, healed: None
) -> None:
    """A5: server, worker and flow are gone; the ledger and the keeper are enough."""
    rolling_out(prefect_rig, app)
    for pid in (prefect_rig.process(SERVER).pid, prefect_rig.process(WORKER).pid):
        kill(pid)
    kill(app.lease_pid("dev"))

    restored_within(app, LEASE_SECONDS + SPARE_SECONDS)


def test_release_goes_on_when_the_server_dies(
    prefect_rig: PrefectRig, app: App, healed: None
) -> None:
    """A5: what is only shown may fail; the release is verified and closed all the same."""
    assert app.deploy(app.candidate("one")) == "COMPLETED"
    two = app.candidate("two", bake="4s")
    prefect_rig.start_run("deploy/deploy", candidate=two, environment="dev")
    app.await_record("dev", lambda record: settles(record) and is_new(record, app))
    kill(prefect_rig.process(SERVER).pid)

    closed = app.await_record(
        "dev", lambda r: r.kind is Kind.CLOSED and is_new(r, app), LEASE_SECONDS + SPARE_SECONDS
    )
    assert closed.body["outcome"] == Outcome.RELEASED
    assert app.answer("dev") == "two"


def test_drill_that_dies_ends_on_the_original(prefect_rig: PrefectRig, app: App) -> None:
    """D9: killed on the older release, it is brought back to the one that served."""
    for version in ("one", "two"):
        assert app.deploy(app.candidate(version, bake="4s")) == "COMPLETED"
    prefect_rig.start_run("rollback_drill/rollback_drill", environment="dev", app=app.name)
    app.await_record("dev", lambda record: record.body.get("goal") == "drill")
    app.await_record("dev", lambda r: verifies(r) and is_new(r, app))
    kill(app.lease_pid("dev"))

    app.await_record(
        "dev",
        lambda r: r.kind is Kind.CLOSED and is_new(r, app),
        LEASE_SECONDS + SPARE_SECONDS + 10,
    )
    assert app.answer("dev") == "two"


def verifies(record: Record) -> bool:
    return record.kind is Kind.INTENT and record.body["stage"] == Stage.VERIFY


def test_rollback_outranks_a_deploy(prefect_rig: PrefectRig, app: App) -> None:
    """B5: the rollback wins; the deploy ends superseded and touches nothing any more."""
    for version in ("one", "two"):
        assert app.deploy(app.candidate(version)) == "COMPLETED"
    three = app.candidate("three", "never-ready", deadline="2m")
    run_id = prefect_rig.start_run("deploy/deploy", candidate=three, environment="dev")
    deadline = time.monotonic() + 60
    while len([r for r in app.ledger("dev").records() if r.kind is Kind.CLAIM]) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.2)

    done = prefect_rig.trigger(
        "rollback/rollback", app=app.name, environment="dev", reason="three hangs"
    )

    assert done.returncode == 0, done.stdout
    state = prefect_rig.final_state(run_id)
    assert state["type"] == "FAILED"
    assert "no longer holds" in state["message"]
    assert app.answer("dev") == "two"
