"""The Prefect server goes away for a while: releases end all the same, and it is told later."""

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from slipway.cli.stack.prefect import SERVER
from slipway.cli.told import EVENT, endings
from slipway.history import Outcome
from slipway.ledger import Kind, Record
from slipway.platform import Stage
from tests.rig.prefect_rig import App, PrefectRig

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(400)]
TOLD_SECONDS = 120


@pytest.fixture
def healed(prefect_rig: PrefectRig) -> Iterator[None]:
    """The server is up again afterwards."""
    yield
    start_server(prefect_rig)


def kill_server(rig: PrefectRig) -> None:
    os.kill(rig.process(SERVER).pid, signal.SIGKILL)


def start_server(rig: PrefectRig) -> None:
    rig.prefect.wait_for_server(rig.prefect.start_server())


def told(app: App, environment: str = "dev") -> list[dict[str, Any]]:
    """Events of the target that the server has, oldest first."""
    name = f"slipway.target.{app.name}.{environment}"
    wanted = {"event": {"name": [EVENT]}, "resource": {"id": [name]}, "order": "ASC"}
    return list(app.rig.post("/events/filter", {"filter": wanted})["events"])


def await_told(app: App) -> list[dict[str, Any]]:
    """The events, once there are as many as the ledger has endings."""
    ledger, until = app.ledger("dev"), time.monotonic() + TOLD_SECONDS
    while len(found := told(app)) < len(endings(ledger.target, ledger.records())):
        assert time.monotonic() < until, found
        time.sleep(0.5)
    return found


def pages(app: App) -> list[str]:
    """Versions of the environment's page, oldest first."""
    key = f"history--{app.name}--dev"
    with app.rig.api as api:
        body = {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC"}
        found = api.post("/artifacts/filter", json=body).raise_for_status().json()
    return [one["data"] for one in reversed(found)]


def settles(record: Record) -> bool:
    return record.kind is Kind.INTENT and record.body["stage"] == Stage.SETTLE


@pytest.mark.parametrize("seconds", [8, 60])
def test_release_ends_well_while_the_server_is_away(
    prefect_rig: PrefectRig, app: App, healed: None, seconds: int
) -> None:
    """A5, I9: the ledger has every record, the run ends, and the release is told once."""
    assert app.deploy(app.candidate("one")) == "COMPLETED"
    before = app.ledger("dev").records()[-1].number
    run_id = prefect_rig.start_run(
        "deploy/deploy", candidate=app.candidate("two", bake="4s"), environment="dev"
    )
    app.await_record("dev", lambda record: settles(record) and record.number > before)
    kill_server(prefect_rig)
    time.sleep(seconds)
    start_server(prefect_rig)

    closed = app.await_record("dev", lambda r: r.kind is Kind.CLOSED and r.number > before, 120)

    assert closed.body["outcome"] == Outcome.RELEASED
    assert app.answer("dev") == "two"
    prefect_rig.final_state(run_id, 180)
    assert [one["payload"]["outcome"] for one in await_told(app)] == ["released", "released"]


def test_what_the_server_missed_is_told_once_when_it_returns(
    prefect_rig: PrefectRig, app: App, healed: None
) -> None:
    """I9, D5: rolled back while it was down; then told, by whoever looks, exactly once."""
    for version in ("one", "two"):
        assert app.deploy(app.candidate(version)) == "COMPLETED"
    await_told(app)
    kill_server(prefect_rig)
    reason = ("--reason", "two is slow")
    done = prefect_rig.run("slipway", "rollback", app.name, "dev", *reason)
    assert done.returncode == 0, done.stderr
    assert app.answer("dev") == "one"
    start_server(prefect_rig)
    runs = len(prefect_rig.runs(tags={"all_": [f"app:{app.name}"]}))

    await_told(app)
    for _ in range(2):
        again = prefect_rig.run("slipway", "keeper", "--once")
        assert again.returncode == 0, again.stderr

    ends = endings(app.target("dev"), app.ledger("dev").records())
    found = told(app)
    assert [one["id"] for one in found] == [str(one.event_id) for one in ends]
    assert found[-1]["payload"]["outcome"] == "rolled back"
    assert found[-1]["payload"]["why"] == "two is slow"
    assert [page.count("two is slow") for page in pages(app)] == [0, 0, 1]
    assert len(prefect_rig.runs(tags={"all_": [f"app:{app.name}"]})) == runs
