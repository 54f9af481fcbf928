"""Websockets through the gateway: Prefect's clients name themselves in their first message."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.rig.gateway import JENKINS, OPERATOR, GatewayRig

pytestmark = [pytest.mark.prefect, pytest.mark.timeout(300)]
OUT = "/api/events/out"
POLICY_VIOLATION = 1008


@contextmanager
def opened(rig: GatewayRig, path: str, **options: Any) -> Iterator[ClientConnection]:
    address = f"ws://127.0.0.1:{rig.gateway_port}{path}"
    offered = [Subprotocol("prefect")]
    with connect(address, subprotocols=offered, open_timeout=20, **options) as websocket:
        yield websocket


def auth(token: object) -> str:
    return json.dumps({"type": "auth", "token": token})


def said(websocket: ClientConnection) -> Any:
    return json.loads(websocket.recv(timeout=20))


@pytest.mark.parametrize("role", [JENKINS, OPERATOR])
@pytest.mark.parametrize("path", ["/api/events/in", OUT, "/api/logs/out"])
def test_the_first_message_is_the_credential(gateway: GatewayRig, role: str, path: str) -> None:
    """S0-21, G12: in the place where Prefect's own clients say it, with a ping before."""
    with opened(gateway, path) as websocket:
        assert websocket.ping().wait(20)
        websocket.send(auth(gateway.credentials[role]))
        assert said(websocket) == {"type": "auth_success"}


def test_an_event_goes_in_and_comes_out(gateway: GatewayRig) -> None:
    """S0-21: what follows the first message passes both ways, however large."""
    event = {
        "occurred": "2030-01-01T00:00:00Z",
        "event": "slipway.test",
        "resource": {"prefect.resource.id": "slipway.test"},
        "payload": {"text": "x" * 100_000},
        "id": "11111111-2222-3333-4444-555555555555",
    }
    wanted = {
        "event": {"name": ["slipway.test"]},
        "occurred": {"since": "2029-01-01T00:00:00Z", "until": "2031-01-01T00:00:00Z"},
    }
    with opened(gateway, OUT) as out, opened(gateway, "/api/events/in") as events:
        out.send(auth(gateway.credentials[JENKINS]))
        assert said(out) == {"type": "auth_success"}
        out.send(json.dumps({"type": "filter", "filter": wanted}))
        events.send(auth(gateway.credentials[JENKINS]))
        assert said(events) == {"type": "auth_success"}
        events.send(json.dumps(event))
        assert said(out)["event"]["payload"] == event["payload"]


@pytest.mark.parametrize(
    "first",
    [
        auth("jenkins:wrong"),
        auth(""),
        auth(None),
        auth({"a": 1}),
        auth("x" * 5000),
        '{"type": "filter", "filter": {}}',
        "no json",
        b'{"type": "auth"}',
        "null",
    ],
    ids=lambda first: str(first)[:30],
)
def test_a_websocket_without_a_credential_is_closed(gateway: GatewayRig, first: str) -> None:
    """G12: and nothing of what was sent reaches the server."""
    with opened(gateway, OUT) as websocket:
        websocket.send(first)
        with pytest.raises(ConnectionClosed) as closed:
            said(websocket)
    assert closed.value.rcvd
    assert closed.value.rcvd.code == POLICY_VIOLATION
    assert "gateway" in closed.value.rcvd.reason


def test_the_credential_of_the_server_opens_nothing(gateway: GatewayRig) -> None:
    """G12: it is the gateway's alone, even where it leaked."""
    with opened(gateway, OUT) as websocket:
        websocket.send(auth(gateway.auth))
        with pytest.raises(ConnectionClosed) as closed:
            said(websocket)
    assert closed.value.rcvd
    assert closed.value.rcvd.code == POLICY_VIOLATION


def test_a_first_message_in_pieces_is_refused(gateway: GatewayRig) -> None:
    """G12: what is not read whole is not believed."""
    with opened(gateway, OUT) as websocket:
        token = auth(gateway.credentials[JENKINS])
        with suppress(ConnectionClosed):  # it may be over before the second piece
            websocket.send([token[:9], token[9:]])
        with pytest.raises(ConnectionClosed):
            said(websocket)


def test_pings_alone_do_not_hold_a_websocket(gateway: GatewayRig) -> None:
    """G12: whoever does not name themselves is let go."""
    with opened(gateway, OUT) as websocket:
        for _ in range(16):
            assert websocket.ping().wait(5)
        websocket.ping()
        with pytest.raises(ConnectionClosed):
            said(websocket)


@pytest.mark.parametrize(
    "path", ["/api/task_runs/subscriptions/scheduled", "/api/work_pools/slipway/workers/connect"]
)
def test_jenkins_has_no_worker_of_its_own(gateway: GatewayRig, path: str) -> None:
    """S0-09, G11: a worker is handed the runs of its pool, with all they need."""
    with opened(gateway, path) as websocket:
        websocket.send(auth(gateway.credentials[JENKINS]))
        with pytest.raises(ConnectionClosed) as closed:
            said(websocket)
    assert closed.value.rcvd
    assert closed.value.rcvd.code == POLICY_VIOLATION


def test_a_header_that_is_wrong_ends_it_before_it_begins(gateway: GatewayRig) -> None:
    """G12: 401, as for any other request."""
    wrong = {"Authorization": "Basic amVua2luczp3cm9uZw=="}
    with pytest.raises(InvalidStatus) as refused, opened(gateway, OUT, additional_headers=wrong):
        pass
    assert refused.value.response.status_code == 401


def test_a_path_that_is_no_websocket_is_none(gateway: GatewayRig) -> None:
    """G12."""
    with pytest.raises(InvalidStatus) as refused, opened(gateway, "/api/flows/filter"):
        pass
    assert refused.value.response.status_code == 403
