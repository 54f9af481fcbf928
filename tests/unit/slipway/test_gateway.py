"""The table of the gateway, and what nginx reads of it."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from slipway.errors import BadInput
from slipway.gateway import Table, overlap, parse_table, pattern, render_map, render_script

ROOT = Path(__file__).resolve().parents[3]
CASES = yaml.safe_load((ROOT / "tests/cases/gateway.yaml").read_text())
SMALL = {
    "inspected": [],
    "words": [],
    "bodies": {},
    "ui": {"roles": ["a"], "beside": ["/api"]},
    "groups": [{"why": "one", "roles": ["a"], "routes": ["GET /a"]}],
}
UUID = "11111111-2222-3333-4444-555555555555"


@pytest.fixture(scope="module")
def table() -> Table:
    return parse_table((ROOT / "docker/gateway/routes.yaml").read_bytes())


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = ROOT / "scripts" / "gateway.py"
    spec = importlib.util.spec_from_file_location("gateway_script", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["gateway_script"] = module
    spec.loader.exec_module(module)
    return module


def test_what_nginx_reads_is_up_to_date(script: ModuleType) -> None:
    assert script.main(["--check"]) == 0, "python scripts/gateway.py writes it anew"


@pytest.mark.parametrize(("one", "other", "same"), CASES["overlaps"])
def test_one_path_can_mean_two_templates(one: str, other: str, same: bool) -> None:
    assert overlap(one, other) is same
    assert overlap(other, one) is same


@pytest.mark.parametrize("case", CASES["bad_tables"], ids=lambda case: str(case["why"]))
def test_a_bad_table_is_refused(case: dict[str, Any]) -> None:
    said = {**SMALL, **yaml.safe_load(case["add"])}
    with pytest.raises(BadInput, match=re.escape(case["says"])):
        parse_table(yaml.safe_dump(said).encode())


@pytest.mark.parametrize(("rules", "field", "value", "allowed"), CASES["fields"])
def test_a_registration_brings_no_code_of_its_own(
    table: Table, rules: str, field: str, value: object, allowed: bool
) -> None:
    """S0-09: whoever registers deployments cannot have a worker run what they wrote."""
    assert table.bodies[rules][field].allows(value) is allowed


def test_every_flow_of_the_project_may_be_registered(table: Table) -> None:
    project = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    rules = table.bodies["deployment"]
    for deployment in project["deployments"]:
        assert rules["entrypoint"].allows(deployment["entrypoint"]), deployment["name"]
        assert rules["pull_steps"].allows(project["pull"])
        assert rules["job_variables"].allows(deployment["work_pool"].get("job_variables"))


def test_a_route_that_is_not_there_is_nobodys(table: Table) -> None:
    assert table.roles("GET", "/api/flows/{id}") == ("jenkins", "operator")
    assert table.roles("GET", "/api/variables/{id}") == ("operator",)
    assert table.roles("GET", "/api/brand_new") == ()


def test_jenkins_has_no_route_to_secrets(table: Table) -> None:
    """G11, S0-09: nothing of block documents, variables, work pools' templates or automations."""
    mine = [route for route, group in table.decided.items() if "jenkins" in group.roles]
    closed = re.compile(r"block_|variables|admin/settings|schemas/validate|/input|resume|bulk")
    assert not [route for route in mine if closed.search(route)]
    assert [r for r in mine if "automations" in r] == [
        "DELETE /api/automations/owned-by/{deployment_resource}"
    ]


def test_patterns_take_a_uuid_for_an_id_and_one_segment_for_a_name() -> None:
    assert re.fullmatch(pattern("/api/flows/{id}"), f"/api/flows/{UUID}")
    assert not re.fullmatch(pattern("/api/flows/{id}"), "/api/flows/count")
    assert re.fullmatch(pattern("/api/flows/name/{name}"), "/api/flows/name/a-b")
    assert not re.fullmatch(pattern("/api/flows/name/{name}"), "/api/flows/name/a/b")
    owned = pattern("/api/automations/owned-by/{deployment_resource}")
    assert re.fullmatch(owned, f"/api/automations/owned-by/prefect.deployment.{UUID}")
    assert not re.fullmatch(owned, f"/api/automations/owned-by/prefect.work-pool.{UUID}")


def test_rendering_is_in_order_and_anchored(table: Table) -> None:
    lines = [line for line in render_map(table).splitlines() if '"~' in line]
    routes = [line.split('" ')[1] for line in lines[:-1]]
    assert routes == sorted(routes)
    assert all(re.match(r' +"~\^[A-Z]+ /.*\$" "', line) for line in lines[:-1])
    assert lines[-1].endswith('(?:/|$))/" UI;')


def test_rendering_says_all_rights(table: Table) -> None:
    script = render_script(table)
    for route, group in table.decided.items():
        assert f'"{route}"' in script
        assert group.roles
