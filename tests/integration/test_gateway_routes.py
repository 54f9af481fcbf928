"""Every route of a real Prefect server, asked for through the gateway by everybody."""

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from slipway.cli.stack.settings import PROJECT
from slipway.gateway import Table, parse_table
from tests.rig.gateway import FOLDER, JENKINS, OPERATOR, WORD, GatewayRig

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(300)]
CASES = yaml.safe_load((PROJECT / "tests/cases/gateway.yaml").read_text())["requests"]
METHODS = ("get", "post", "put", "patch", "delete")
NOBODY = "nobody"


@pytest.fixture(scope="module")
def table() -> Table:
    return parse_table((FOLDER / "routes.yaml").read_bytes())


@pytest.fixture(scope="module")
def openapi(gateway: GatewayRig) -> dict[str, Any]:
    """What the server itself says of its API."""
    with gateway.server() as server:
        return dict(server.get("/api/openapi.json").raise_for_status().json())


def routes(openapi: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in openapi["paths"].items():
        for method in METHODS:
            if method in methods:
                yield method.upper(), f"/api{path}", methods[method]


def nameless(route: str) -> str:
    """The route without the names of what varies, which mean nothing to a server."""
    return re.sub(r"\{[a-z_]+\}", "{}", route)


def target(template: str) -> str:
    """A path of that template at which nothing is."""
    owned = template.replace("{deployment_resource}", f"prefect.deployment.{uuid.uuid4()}")
    with_ids = re.sub(r"\{(?:id|[a-z_]+_id)\}", str(uuid.uuid4()), owned)
    return re.sub(r"\{[a-z_]+\}", "nothing-here", with_ids)


def test_every_route_of_the_server_is_decided_and_none_is_stale(
    table: Table, openapi: dict[str, Any]
) -> None:
    """S0-12, S0-21, G12: who may use a route of a new version is decided, not guessed."""
    there = {nameless(f"{method} {path}") for method, path, _ in routes(openapi)}
    decided = {nameless(route) for route in table.decided if " /api/" in route}
    described = {"openapi.json", "docs", "docs/oauth2-redirect", "redoc"}
    decided -= {f"GET /api/{page}" for page in described}
    assert {route for route in decided if not route.startswith("WS ")} == there


@pytest.mark.parametrize("role", [NOBODY, JENKINS, OPERATOR])
def test_each_route_lets_in_those_it_is_for(gateway: GatewayRig, table: Table, role: str) -> None:
    """G11, G12, S0-09, S0-12: by the table alone, whatever the server would say."""
    wrong = []
    for route, group in table.decided.items():
        method, template = route.split(" ")
        if method == "WS":
            continue
        # Passes the rules for bodies, and no model of the server.
        body = None if method == "GET" else '{"no_such_field": 1}' if group.body else "[]"
        answer = gateway.ask(role, f"{method} {target(template)}", {}, body)
        expected = {NOBODY: "unauthenticated"}.get(role, "refused")
        word = None if role in group.roles else expected
        if answer.word != word:
            wrong.append((route, answer.status, answer.word))
    assert not wrong


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("role", [JENKINS, OPERATOR])
def test_a_route_that_nobody_decided_on_is_closed(
    gateway: GatewayRig, role: str, method: str
) -> None:
    """S0-09, G11: also to operators, with a next step that names the table."""
    for path in ("/api/brand_new", "/api/flows/brand_new", f"/api/flow_runs/{uuid.uuid4()}/new"):
        answer = gateway.ask(role, f"{method} {path}", {}, "{}")
        assert (answer.status, answer.word) == (403, "undecided")
        assert "routes.yaml" in answer.text


def test_no_route_of_jenkins_takes_include_secrets(table: Table, openapi: dict[str, Any]) -> None:
    """G11: told by the server's own description, in query and body."""
    asking = {
        nameless(f"{method} {path}")
        for method, path, described in routes(openapi)
        if "include_secrets" in json.dumps(resolved(described, openapi))
    }
    mine = {nameless(r) for r, group in table.decided.items() if JENKINS in group.roles}
    assert nameless("POST /api/block_documents/filter") in asking
    assert not asking & mine


def resolved(part: Any, openapi: dict[str, Any], depth: int = 8) -> Any:
    """The description with what it refers to in place, to that depth."""
    if isinstance(part, list):
        return [resolved(one, openapi, depth) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        return resolved(openapi["components"]["schemas"][name], openapi, depth - 1) if depth else {}
    return {key: resolved(value, openapi, depth) for key, value in part.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['role']} {case['ask']}"[:70])
def test_a_request_cannot_be_written_so_that_it_passes(
    gateway: GatewayRig, case: dict[str, Any]
) -> None:
    """G11, G12, S0-09: whatever the path, method, headers, query and body look like."""
    request = case["ask"].replace("@", str(uuid.uuid4()))
    answer = gateway.ask(case["role"], request, case.get("headers", {}), case.get("body"))
    assert answer.word == (None if case["word"] == "passed" else case["word"] or "malformed")
    assert gateway.canary not in answer.text
    if answer.word:
        assert answer.status in {400, 401, 403}
        assert not answer.text or json.loads(answer.text)["next_step"]


def test_the_pages_of_the_ui_are_for_operators(gateway: GatewayRig) -> None:
    """S0-12, G12."""
    for page in ("/", "/dashboard", "/v2/", "/ui-settings", "/ico/favicon.svg"):
        assert gateway.ask(NOBODY, f"GET {page}", {}, None).status == httpx.codes.UNAUTHORIZED
        assert gateway.ask(JENKINS, f"GET {page}", {}, None).word == "refused"
        assert gateway.ask(OPERATOR, f"GET {page}", {}, None).word is None
        assert gateway.ask(OPERATOR, f"POST {page}", {}, "{}").word == "undecided"


def test_the_server_itself_refuses_whoever_comes_past_the_gateway(gateway: GatewayRig) -> None:
    """G12: nobody without its password, and none of the gateway's credentials."""
    address = f"{gateway.settings.prefect_api}/flows/filter"
    assert httpx.post(address, json={}).status_code == httpx.codes.UNAUTHORIZED
    for role in (JENKINS, OPERATOR):
        answer = httpx.post(address, json={}, headers=gateway.authorization(role))
        assert answer.status_code == httpx.codes.UNAUTHORIZED
        assert WORD not in answer.headers
