"""Prefect's own clients behind the gateway: what Jenkins must be able to do, and what it cannot."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.cli.stack.processes import wait_until
from slipway.cli.stack.settings import PROJECT
from tests.rig.gateway import JENKINS, OPERATOR, SECRET, VARIABLE, WORKER, GatewayRig

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(300)]
PREFECT = ("-m", "prefect", "--no-prompt")
OWN_FLOW = """
pull: [{prefect.deployments.steps.run_shell_script: {script: id}}]
deployments:
  - name: mine
    entrypoint: mine.py:mine
    work_pool: {name: slipway}
"""
READING = (
    f'from prefect.blocks.system import Secret; print(Secret.load("{SECRET}").get())',
    f'from prefect.variables import Variable; print(Variable.get("{VARIABLE}"))',
)


@pytest.fixture(scope="module")
def worker(gateway: GatewayRig) -> Iterator[GatewayRig]:
    """A worker with an operator's credential, and a deployment that an operator registered."""
    environment = gateway.environment(OPERATOR)
    environment |= {"PREFECT_WORKER_QUERY_SECONDS": "1", "PYTHONPATH": str(PROJECT)}
    argv = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "slipway"]
    register(gateway)
    record = gateway.processes.start(WORKER, [*argv, "--name", "gateway-worker"], environment)
    wait_until(lambda: is_online(gateway), "the worker", 60, record=record)
    yield gateway
    gateway.processes.stop(WORKER)


def register(rig: GatewayRig) -> None:
    schema = {"type": "object", "properties": {"fail": {"type": "boolean", "default": False}}}
    with rig.client(OPERATOR) as client:
        flow = client.post("/api/flows/", json={"name": "greet"}).raise_for_status().json()
        said = {
            "name": "greet",
            "flow_id": flow["id"],
            "entrypoint": "tests.rig.gateway_flows.greet",
            "work_pool_name": "slipway",
            "pull_steps": [],
            "parameter_openapi_schema": schema,
            "job_variables": {"stream_output": False},
        }
        client.post("/api/deployments/", json=said).raise_for_status()


def is_online(rig: GatewayRig) -> bool:
    with rig.client(OPERATOR) as client:
        return bool(client.post("/api/work_pools/slipway/workers/filter", json={}).json())


def asked(rig: GatewayRig, role: str, path: str, body: dict[str, Any]) -> Any:
    with rig.client(role) as client:
        return client.post(path, json=body).raise_for_status().json()


def test_jenkins_registers_every_deployment_of_the_project(gateway: GatewayRig) -> None:
    """S0-09, S0-21: `prefect deploy --all`, and again, which changes what is there."""
    for _ in range(2):
        done = gateway.run(JENKINS, *PREFECT, "deploy", "--all")
        assert done.returncode == 0, done.stderr[-2000:]
    names = {d["name"] for d in asked(gateway, JENKINS, "/api/deployments/filter", {})}
    assert {"deploy", "promote", "release", "rollback", "verify"} <= names


def test_jenkins_cannot_register_code_of_its_own(gateway: GatewayRig, tmp_path: Path) -> None:
    """S0-09, G11: else it would have a worker print its secrets."""
    (tmp_path / "prefect.yaml").write_text(OWN_FLOW)
    (tmp_path / "mine.py").write_text("from prefect import flow\n@flow\ndef mine(): ...\n")
    done = gateway.run(JENKINS, *PREFECT, "deploy", "--all", folder=tmp_path)
    assert done.returncode == 1
    said = " ".join((done.stdout + done.stderr).split())
    assert "the body says what this role may not say" in said
    names = {d["name"] for d in asked(gateway, OPERATOR, "/api/deployments/filter", {})}
    assert "mine" not in names


@pytest.mark.parametrize(("fail", "code"), [("false", 0), ("true", 1)])
def test_jenkins_runs_a_deployment_and_watches_it(worker: GatewayRig, fail: str, code: int) -> None:
    """S0-21, G11: `--watch` follows events, and ends as the run ends; the secret stays away."""
    argv = ("deployment", "run", "greet/greet", "--param", f"fail={fail}", "--watch")
    done = worker.run(JENKINS, *PREFECT, *argv)
    assert done.returncode == code, done.stdout + done.stderr
    assert "prefect.flow-run.Running" in done.stdout
    logs = asked(worker, JENKINS, "/api/logs/filter", {})
    assert any("a secret of" in log["message"] for log in logs)
    assert worker.canary not in done.stdout + str(logs)


@pytest.mark.parametrize(("name", "state"), [("good", "COMPLETED"), ("bad", "FAILED")])
def test_an_in_process_flow_reports_all_it_does(gateway: GatewayRig, name: str, state: str) -> None:
    """S0-09, S0-21: flow runs, task runs, logs, artifacts, as `python -m flows.integrate` has."""
    done = gateway.run(JENKINS, "-m", "tests.rig.gateway_flows", name)
    assert (done.returncode == 0) is (state == "COMPLETED"), done.stderr[-2000:]
    assert "Unable to connect" not in done.stderr
    named = {"flow_runs": {"name": {"any_": [f"agent {name}"]}}}
    (run,) = asked(gateway, OPERATOR, "/api/flow_runs/filter", named)
    assert run["state"]["type"] == state

    def has_tasks() -> bool:
        found = asked(gateway, OPERATOR, "/api/task_runs/filter", named)
        states = [t["state"]["type"] for t in found if t["state"]]
        return states == ["COMPLETED", "COMPLETED"]

    wait_until(has_tasks, "the task runs, one of them the inner flow's", 90)
    of_run = {"logs": {"flow_run_id": {"any_": [run["id"]]}}}
    assert any(
        "measured 1" in log["message"]
        for log in asked(gateway, OPERATOR, "/api/logs/filter", of_run)
    )
    artifacts = asked(gateway, OPERATOR, "/api/artifacts/filter", named)
    assert {a["key"] for a in artifacts} >= {"gateway-agent", "gateway-progress"}


@pytest.mark.parametrize("script", READING)
def test_the_client_of_jenkins_reads_no_secret(gateway: GatewayRig, script: str) -> None:
    """G11, G12: and its operator's does."""
    refused = gateway.run(JENKINS, "-c", script)
    assert refused.returncode == 1
    assert gateway.canary not in refused.stdout + refused.stderr
    assert "gateway: the role may not do this" in refused.stderr
    assert gateway.canary in gateway.run(OPERATOR, "-c", script).stdout


def test_a_client_without_a_credential_is_told_what_to_set(gateway: GatewayRig) -> None:
    """G12, S0-21: Prefect shows what the gateway says."""
    nobody = {"PREFECT_API_AUTH_STRING": ""}
    done = gateway.run(JENKINS, *PREFECT, "flow-run", "ls", variables=nobody)
    assert done.returncode != 0
    assert "PREFECT_API_AUTH_STRING" in " ".join((done.stdout + done.stderr).split())


def test_an_api_key_of_prefect_cloud_is_no_credential(gateway: GatewayRig) -> None:
    """S0-21: where the auth string is set as well, that one counts."""
    key = {"PREFECT_API_KEY": "pnu_0123456789"}
    assert gateway.run(JENKINS, *PREFECT, "flow", "ls", variables=key).returncode == 0
    alone = {**key, "PREFECT_API_AUTH_STRING": ""}
    assert gateway.run(JENKINS, *PREFECT, "flow", "ls", variables=alone).returncode != 0
    assert "PREFECT_API_KEY" not in os.environ
