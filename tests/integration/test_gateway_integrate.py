"""The build tier behind the gateway: all that `flows.integrate` asks of Prefect is allowed."""

import json
from pathlib import Path

import pytest

from tests.rig.build_world import BuildWorld
from tests.rig.docker_rig import Rig
from tests.rig.gateway import JENKINS, OPERATOR, GatewayRig

pytestmark = [pytest.mark.engine, pytest.mark.prefect, pytest.mark.timeout(300)]
# Asked without a login whether the server is there; and for the block of a result storage.
DONE_WITHOUT = {"GET /api/health", "GET /api/admin/storage"}


def test_jenkins_integrates_through_the_gateway(
    gateway: GatewayRig, rig: Rig, tmp_path: Path
) -> None:
    """S0-09, S0-21, N21: run, tasks, logs and artifacts reach the server."""
    world = BuildWorld(rig, tmp_path)
    world.commit()
    before = len(gateway.log.read_text().splitlines())
    argv = ["-m", "flows.integrate", "--app-dir", str(world.source.folder)]
    done = gateway.run(
        JENKINS, *argv, "--output-dir", str(tmp_path / "out"), variables=world.environment()
    )
    assert done.returncode == 0, done.stderr
    assert f"/{world.name}@sha256:" in done.stdout.splitlines()[-1]
    lines = gateway.log.read_text().splitlines()[before:]
    asked = [json.loads(line) for line in lines if line.startswith("{")]
    refused = {one["route"] for one in asked if one.get("status") in (401, 403)}
    assert refused <= DONE_WITHOUT
    with gateway.client(OPERATOR) as client:
        found = {"flows": {"name": {"any_": ["integrate"]}}}
        runs = client.post("/api/flow_runs/filter", json=found).raise_for_status().json()
        shown = {"artifacts": {"key": {"any_": [f"candidate--{world.name}"]}}}
        artifacts = client.post("/api/artifacts/filter", json=shown).raise_for_status().json()
    assert "COMPLETED" in {run["state_type"] for run in runs}
    assert len(artifacts) == 1
