"""Releases as a shell and the UI start them: real server, worker, registry and engine."""

import json

import httpx
import pytest

from blocks import catalogue
from slipway.history import Outcome
from slipway.ledger import Kind
from tests.rig.prefect_rig import App, PrefectRig

pytestmark = [pytest.mark.engine, pytest.mark.prefect, pytest.mark.timeout(300)]

DEPLOYMENTS = {
    "deploy/deploy",
    "promote/promote",
    "recover/recover",
    "release/release",
    "rollback/rollback",
    "rollback_drill/rollback_drill",
    "verify/verify",
    "watch_drift/watch_drift",
}


def outcomes(app: App, environment: str) -> list[str]:
    records = app.ledger(environment).records()
    return [record.body["outcome"] for record in records if record.kind is Kind.CLOSED]


def test_every_deployment_is_registered_with_a_validated_form(prefect_rig: PrefectRig) -> None:
    with prefect_rig.api as api:
        found = api.post("/deployments/filter", json={}).json()
        flows = {flow["id"]: flow["name"] for flow in api.post("/flows/filter", json={}).json()}
    names = {f"{flows[one['flow_id']]}/{one['name']}" for one in found}

    assert names >= DEPLOYMENTS
    for deployment in found:
        assert deployment["description"]
        assert deployment["tags"]
        assert deployment["enforce_parameter_schema"]
        for field in deployment["parameter_openapi_schema"]["properties"].values():
            assert field["title"]
            assert field["description"]


def test_one_command_registered_every_block_type(prefect_rig: PrefectRig) -> None:
    """DC-04, DC-08: `prefect block register -m blocks.catalogue`, as `make up` runs it."""
    with prefect_rig.api as api:
        found = api.post("/block_types/filter", json={}).json()
    wanted = {getattr(catalogue, name).get_block_type_slug() for name in catalogue.__all__}
    assert wanted
    assert wanted <= {one["slug"] for one in found}


def test_drift_is_watched_each_quarter_of_an_hour(prefect_rig: PrefectRig) -> None:
    """N17: one interval; every app, by nobody's asking."""
    with prefect_rig.api as api:
        found = api.get("/deployments/name/watch_drift/watch_drift").json()
    assert [one["schedule"]["cron"] for one in found["schedules"]] == ["*/15 * * * *"]
    assert found["parameters"].get("app", "") == ""


def test_drill_is_scheduled_weekly_for_stage(prefect_rig: PrefectRig) -> None:
    with prefect_rig.api as api:
        found = api.get("/deployments/name/rollback_drill/rollback_drill").json()
    assert [one["schedule"]["cron"] for one in found["schedules"]] == ["0 5 * * 1"]
    assert found["parameters"]["environment"] == "stage"


def test_exit_code_is_zero_only_for_a_verified_release(prefect_rig: PrefectRig, app: App) -> None:
    """DC-07: 0 once stage is verified; 1 for one that breaks, with what was before serving."""
    good, bad = app.candidate("one"), app.candidate("two", "never-ready")

    done = prefect_rig.trigger("release/release", candidate=good, through="stage")
    assert done.returncode == 0, done.stdout + done.stderr
    assert app.answer("stage") == "one"

    failed = prefect_rig.trigger("deploy/deploy", candidate=bad, environment="dev")
    assert failed.returncode == 1
    assert app.answer("dev") == "one"
    assert outcomes(app, "dev") == [Outcome.RELEASED, Outcome.RESTORED]


def test_parallel_triggers_are_one_release(prefect_rig: PrefectRig, app: App) -> None:
    """E1: a stage that is tried three times releases once; every trigger ends well."""
    candidate = app.candidate("one")
    ids = [
        prefect_rig.start_run("deploy/deploy", candidate=candidate, environment="dev")
        for _ in range(3)
    ]

    states = [prefect_rig.final_state(run_id)["type"] for run_id in ids]

    assert states == ["COMPLETED"] * 3
    assert outcomes(app, "dev") == [Outcome.RELEASED]


@pytest.mark.parametrize(
    "hostile",
    [
        {"__prefect_kind": "jinja", "template": "{{ 7 * 7 }}"},
        {"__prefect_kind": "workspace_variable", "variable_name": "secret"},
        {"__prefect_kind": "none", "value": {"__prefect_kind": "jinja", "template": "{{ 1 }}"}},
        "{{ prefect.blocks.secret.database }}",
        "--help",
        "../../etc",
        "UPPER",
        "shop\nstage",
    ],
)
def test_hostile_parameters_start_no_run(prefect_rig: PrefectRig, hostile: object) -> None:
    """G2, G4: refused by the server, by the form's grammar, before a run exists."""
    with prefect_rig.api as api:
        found = api.get("/deployments/name/rollback/rollback").json()
        before = api.post("/flow_runs/count", json={}).json()
        body = {"parameters": {"app": hostile, "environment": "stage"}}
        answer = api.post(f"/deployments/{found['id']}/create_flow_run", json=body)
        assert answer.status_code in {400, 409, 422}, answer.text
        assert api.post("/flow_runs/count", json={}).json() == before


def test_run_says_what_it_is_about(prefect_rig: PrefectRig, app: App) -> None:
    """Names and tags say app, environment and short digest; the steps have their own names."""
    candidate = app.candidate("one")
    assert app.deploy(candidate) == "COMPLETED"
    short = candidate.rpartition(":")[2][:12]

    run = prefect_rig.runs(tags={"all_": [f"app:{app.name}", "environment:dev"]})[0]
    assert run["name"] == f"deploy {app.name} {short} dev"
    assert f"candidate:{short}" in run["tags"]
    with prefect_rig.api as api:
        steps = api.post(
            "/task_runs/filter",
            json={"flow_runs": {"id": {"any_": [run["id"]]}}, "sort": "EXPECTED_START_TIME_ASC"},
        ).json()
    names = [step["name"] for step in steps]
    assert names[:2] == ["candidate read", "order made"]
    assert "claim" in names
    assert len(names) == len(set(names))


def test_artifacts_are_kept_by_app_and_environment(prefect_rig: PrefectRig, app: App) -> None:
    for version in ("one", "two"):
        assert app.deploy(app.candidate(version)) == "COMPLETED"

    def found(kind: str) -> list[dict[str, object]]:
        key = f"{kind}--{app.name}--dev"
        with prefect_rig.api as api:
            body = {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC"}
            return list(reversed(api.post("/artifacts/filter", json=body).json()))

    plans, releases, bars = found("plan"), found("release"), found("progress")
    assert len(plans) == len(releases) == 2
    assert "web.config.VERSION" in str(plans[1]["data"]).replace("\\", "")
    assert "released" in str(releases[1]["data"])
    assert {json.loads(str(bar["data"])) for bar in bars} == {100.0}


def test_unchanged_release_does_nothing_and_is_green(prefect_rig: PrefectRig, app: App) -> None:
    candidate = app.candidate("one")
    assert app.deploy(candidate) == "COMPLETED"
    records = len(app.ledger("dev").records())

    again = prefect_rig.trigger("deploy/deploy", candidate=candidate, environment="dev")

    assert again.returncode == 0
    assert len(app.ledger("dev").records()) == records
    assert httpx.get(f"http://127.0.0.1:{app.ports[0]}/version").text == "one"
