"""What the keeper asks of a Prefect server, seen by a real HTTP server."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from slipway.cli.prefect_api import PrefectApi
from slipway.errors import Unreachable
from slipway.release import Target

TARGET = Target(app="shop", environment="prod")


class Server(ThreadingHTTPServer):
    """Answers like Prefect, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, str, Any, str | None]] = []
        self.status = 200
        self.busy = 0
        self.busy_with = 503

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/api/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.loads(data) if data else None
        login = self.headers.get("Authorization")
        self.server.seen.append((self.command, self.path, body, login))
        answer: Any = {"id": "d1"}
        if self.path.endswith("/filter"):
            tags = ["app:shop", "holder:host:7"]
            answer = [{"id": "r1", "tags": tags}, {"id": "r2", "tags": []}]
        text = json.dumps(answer).encode()
        self.server.busy -= 1
        self.send_response(self.server.status if self.server.busy < 0 else self.server.busy_with)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_GET  # noqa: N815 - the name that http.server wants

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def api(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrefectApi]:
    monkeypatch.setenv("PREFECT_API_URL", server.url)
    api = PrefectApi.from_environment()
    assert api
    yield api
    api.close()


def test_recovery_is_started_once_for_a_token(server: Server, api: PrefectApi) -> None:
    api.start_recover(TARGET, 7)
    method, path, body, _ = server.seen[-1]
    assert (method, path) == ("POST", "/api/deployments/d1/create_flow_run")
    assert body["parameters"] == {"app": "shop", "environment": "prod"}
    assert body["idempotency_key"] == "recover--shop--prod--7"


def test_holders_are_read_from_tags(api: PrefectApi) -> None:
    assert api.holders() == {"r1": "host:7"}


@pytest.mark.parametrize(
    ("name", "value", "scheme"),
    [("PREFECT_API_KEY", "k", "Bearer k"), ("PREFECT_API_AUTH_STRING", "a:b", "Basic YTpi")],
)
def test_both_ways_to_log_in(
    server: Server, monkeypatch: pytest.MonkeyPatch, name: str, value: str, scheme: str
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", server.url)
    monkeypatch.setenv(name, value)
    api = PrefectApi.from_environment()
    assert api
    api.holders()
    api.close()
    assert server.seen[-1][3] == scheme


def test_failing_server_is_unreachable(server: Server, api: PrefectApi) -> None:
    server.status = 503
    with pytest.raises(Unreachable, match="Prefect server"):
        api.start_recover(TARGET, 7)


@pytest.mark.parametrize("status", [503, 429])
def test_busy_server_is_asked_again(server: Server, api: PrefectApi, status: int) -> None:
    """A1: SQLite that is locked for a moment does not keep a recovery from its deployment."""
    server.busy, server.busy_with = 3, status
    api.start_recover(TARGET, 7)
    asked = [path for _, path, _, _ in server.seen]
    assert asked[:4] == ["/api/deployments/name/recover/recover"] * 4
    assert asked[4:] == ["/api/deployments/d1/create_flow_run"]


def test_no_server_is_no_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert PrefectApi.from_environment() is None


def test_the_newest_run_of_a_build_is_asked_for_by_its_tag(api: PrefectApi, server: Server) -> None:
    """S2-29: one run, no run that another one started."""
    found = api.newest_run("build-jenkins-shop-17")
    assert found
    assert found["id"] == "r1"
    assert server.seen[-1][2] == {
        "flow_runs": {
            "tags": {"all_": ["build-jenkins-shop-17"]},
            "parent_task_run_id": {"is_null_": True},
        },
        "sort": "EXPECTED_START_TIME_DESC",
        "limit": 1,
    }
