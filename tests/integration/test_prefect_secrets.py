"""Runtime secrets live in Prefect Secret blocks, reach the app as files, and nothing else (G8)."""

import uuid
from pathlib import Path

import httpx
import pytest

from slipway.history import serving_release
from slipway.ledger import Kind
from tests.rig.prefect_rig import App, PrefectRig

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(300)]
SCHEMA = "{database-url: {owner: team@example.org}}"
DUMPS = ("/flow_runs/filter", "/task_runs/filter", "/artifacts/filter", "/deployments/filter")


def canary() -> str:
    return f"canary{uuid.uuid4().hex}"


def block(app: App) -> str:
    return f"{app.name}--dev--database-url"


def seen_by_app(app: App) -> int:
    """How long the app says that its secret is."""
    return int(httpx.get(f"http://127.0.0.1:{app.ports[0]}/secret/database-url").text)


def files_with(folder: Path, word: str) -> list[str]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in paths if word.encode() in path.read_bytes()]


def test_value_reaches_the_app_and_no_record(prefect_rig: PrefectRig, app: App) -> None:
    """G8: not in the API, the database, the logs or the ledger, in success and in failure."""
    value = canary()
    prefect_rig.save_secret(block(app), value)
    assert app.deploy(app.candidate("one", secrets=SCHEMA)) == "COMPLETED"
    broken = app.candidate("two", "never-ready", deadline="5s", secrets=SCHEMA)
    assert app.deploy(broken) == "FAILED"

    assert seen_by_app(app) == len(value)
    assert files_with(prefect_rig.folder, value) == []
    with prefect_rig.api as api:
        for path in DUMPS:
            assert value not in api.post(path, json={}).text
        for offset in range(0, 2000, 200):
            logs = api.post("/logs/filter", json={"limit": 200, "offset": offset}).text
            assert value not in logs


def test_new_value_is_a_new_version_and_the_old_one_comes_back(
    prefect_rig: PrefectRig, app: App
) -> None:
    """D2: a rollback brings the secret of its release, though the block holds another by now."""
    old, new = canary(), canary() + "-longer"
    candidate = app.candidate("one", secrets=SCHEMA)
    prefect_rig.save_secret(block(app), old)
    assert app.deploy(candidate) == "COMPLETED"
    prefect_rig.save_secret(block(app), new)
    assert app.deploy(candidate) == "COMPLETED"
    assert seen_by_app(app) == len(new)

    changes = [r for r in app.ledger("dev").records() if r.kind is Kind.CLAIM][-1].body["changes"]
    assert [change["field"] for change in changes] == ["secrets.database-url"]
    done = prefect_rig.trigger("rollback/rollback", app=app.name, environment="dev")

    assert done.returncode == 0, done.stdout
    assert seen_by_app(app) == len(old)


def test_missing_secret_is_refused_by_name(prefect_rig: PrefectRig, app: App) -> None:
    run_id = prefect_rig.start_run(
        "deploy/deploy", candidate=app.candidate("one", secrets=SCHEMA), environment="dev"
    )
    state = prefect_rig.final_state(run_id)

    assert "runtime secret database-url is missing" in state["message"]
    assert serving_release(app.ledger("dev").records()) is None
