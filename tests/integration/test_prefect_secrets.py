"""Runtime secrets live in Prefect Secret blocks, reach the app as files, and nothing else (G8)."""

import uuid
from pathlib import Path

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import SecretStr

from blocks.platforms import docker_names as names
from blocks.secrets.prefect import PrefectStore, secret_prefix
from slipway.access import accesses
from slipway.history import serving_release
from slipway.ledger import Kind
from slipway.release import parse_spec
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
    """G8, S0-08, DC-04: not in API, database, logs or ledger, in success and in failure."""
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


def test_a_rollback_brings_a_secret_that_target_and_block_have_lost(
    prefect_rig: PrefectRig, app: App
) -> None:
    """D2: the version before a rotation is kept in a block of its own, and read from there."""
    store = PrefectStore(secret_prefix(app.target("dev")))
    old, new = SecretStr(canary()), SecretStr(canary() + "-longer")
    candidate = app.candidate("one", secrets=SCHEMA)
    with temporary_settings({PREFECT_API_URL: prefect_rig.settings.prefect_api}):
        version = store.write("database-url", old)
        assert app.deploy(candidate) == "COMPLETED"
        store.write("database-url", new)
        assert app.deploy(candidate) == "COMPLETED"
    assert seen_by_app(app) == len(new.get_secret_value())

    lose_secrets(prefect_rig, app, version)
    done = prefect_rig.trigger("rollback/rollback", app=app.name, environment="dev")

    assert done.returncode == 0, done.stdout
    assert seen_by_app(app) == len(old.get_secret_value())
    read = [(a.why, a.secrets) for a in accesses(app.ledger("dev").records())]
    assert [why for why, _ in read] == [*["format checked", "deploy"] * 2, "rollback"]
    assert read[-1][1] == {"database-url": version}


def lose_secrets(rig: PrefectRig, app: App, version: str) -> None:
    """Remove what the engine has of the release with that version: containers, then volumes."""
    specs = [r.body["spec"] for r in app.ledger("dev").records() if r.kind is Kind.VERIFIED]
    spec = next(s for s in map(parse_spec, specs) if s.secrets == {"database-url": version})
    engine = rig.docker.engine
    for volume in names.secrets_volumes(spec):
        for container in engine.containers.list(all=True, filters={"volume": volume}):
            container.remove(force=True)
        engine.volumes.get(volume).remove()
