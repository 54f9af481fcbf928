"""A drill's schedule fires twice for one slot, on a real server: it is drilled once."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from slipway.ledger import Kind, timestamp
from tests.rig.prefect_rig import FINAL, App, PrefectRig

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(400)]
AHEAD = timedelta(seconds=20)


@contextmanager
def scheduled_twice(rig: PrefectRig, app: App, slot: datetime) -> Iterator[str]:
    """Two schedules of the drill want the same slot; the deployment's id. Gone afterwards."""
    with rig.api as api:
        deployment = api.get("/deployments/name/rollback_drill/rollback_drill").json()["id"]
    parameters = {"app": app.name, "environment": "dev"}
    every = {"interval": 86_400, "anchor_date": slot.isoformat()}
    wanted = [{"schedule": every, "parameters": parameters} for _ in range(2)]
    made = rig.post(f"/deployments/{deployment}/schedules", wanted)
    try:
        rig.post(f"/deployments/{deployment}/schedule", {})  # as the scheduler does each minute
        yield deployment
    finally:
        with rig.api as api:
            for one in made:
                path = f"/deployments/{deployment}/schedules/{one['id']}"
                api.delete(path).raise_for_status()


def ended_runs(rig: PrefectRig, deployment: str, slot: datetime) -> list[str]:
    """Types of the final states of the two runs for that slot."""
    until = time.monotonic() + 150
    while time.monotonic() < until:
        runs = rig.runs(deployment_id={"any_": [deployment]})
        ours = [one for one in runs if datetime.fromisoformat(one["expected_start_time"]) == slot]
        types = [one["state_type"] for one in ours]
        if len(types) == 2 and set(types) <= FINAL:
            assert all(one["auto_scheduled"] for one in ours)
            return types
        time.sleep(0.5)
    seen = [(one["expected_start_time"], one["state_type"]) for one in runs]
    raise TimeoutError(f"not two ended runs of {slot}: {seen}")


def test_one_slot_is_drilled_once_though_it_fires_twice(prefect_rig: PrefectRig, app: App) -> None:
    """E6: both runs are green; one drilled, the other skipped itself and says why."""
    for version in ("one", "two"):
        assert app.deploy(app.candidate(version)) == "COMPLETED"
    slot = (datetime.now(UTC) + AHEAD).replace(microsecond=0)

    with scheduled_twice(prefect_rig, app, slot) as deployment:
        assert ended_runs(prefect_rig, deployment, slot) == ["COMPLETED"] * 2

    records = app.ledger("dev").records()
    claims = [r.body for r in records if r.kind is Kind.CLAIM and r.body["goal"] == "drill"]
    assert [one["slot"] for one in claims] == [timestamp(slot)]
    assert len([r for r in records if r.kind is Kind.DRILL]) == 1
    assert app.answer("dev") == "two"
