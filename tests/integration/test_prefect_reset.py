"""The Prefect server's database is gone: what runs and what was done are elsewhere."""

import time

import pytest

from slipway.cli.keeper import LOOK_SECONDS
from slipway.cli.stack.prefect import SERVER, WORKER, server_environment
from tests.rig.prefect_rig import App, PrefectRig

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(400)]
STORIES = ("deploy", "release", "promote", "rollback", "recover", "drill")
KEEPER_LOOKS = 4


def drop_database(rig: PrefectRig) -> None:
    """Server and worker stop, every file of the database goes, both start again."""
    for name in (WORKER, SERVER):
        rig.processes.stop(name)
    home = server_environment(rig.settings, "unused")["PREFECT_HOME"]
    dropped = [path for path in rig.folder.rglob("prefect.db*") if str(path).startswith(home)]
    assert dropped
    for path in dropped:
        path.unlink()
    server = rig.prefect.start_server()
    with rig.prefect.registering(rig.environment):
        rig.prefect.wait_for_server(server)
        rig.start_worker()
    rig.prefect.start_keeper(rig.environment)


def test_a_wiped_prefect_server_redeploys_nothing(prefect_rig: PrefectRig, app: App) -> None:
    """E4: the same trigger finds its release on target and ledger; nobody starts one by himself."""
    candidate = app.candidate("one")
    assert app.deploy(candidate) == "COMPLETED"
    containers, records = running(app), app.ledger("dev").records()
    assert containers

    drop_database(prefect_rig)

    assert app.deploy(candidate) == "COMPLETED"
    time.sleep(KEEPER_LOOKS * LOOK_SECONDS)
    assert (running(app), app.ledger("dev").records()) == (containers, records)
    assert app.answer("dev") == "one"
    begun = [run["name"] for run in prefect_rig.runs() if run["state_type"] != "SCHEDULED"]
    short = candidate.rpartition(":")[2][:12]
    assert [name for name in begun if name.split()[0] in STORIES] == [
        f"deploy {app.name} {short} dev"
    ]


def running(app: App) -> set[tuple[str, str]]:
    """Id and start of each container of the app."""
    found = app.rig.docker.engine.containers.list(filters={"name": app.name})
    return {(one.id, one.attrs["State"]["StartedAt"]) for one in found}
