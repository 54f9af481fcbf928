"""Requests of one connection to a pod, against small servers that keep it or not."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler

import pytest

from blocks.platforms import kubernetes_forward
from blocks.platforms.kubernetes_api import Cluster
from blocks.platforms.kubernetes_forward import Answer, http_get
from tests.fakes.serving import served_by

PATHS = ("/health", "/ready")


def app(protocol: str, *, hangs_up: bool = False, body: bytes = b"fine") -> type:
    """Answers 200; by HTTP/1.0 it ends the connection after each."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = protocol

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            if hangs_up:
                self.close_connection = True

        def log_message(self, *_: object) -> None: ...

    return Handler


@pytest.mark.parametrize(
    ("handler", "forwards"),
    [
        (app("HTTP/1.1"), 1),
        (app("HTTP/1.0"), 2),
        (app("HTTP/1.1", hangs_up=True), 2),
        (app("HTTP/1.1", body=b"x" * 3000), 2),
    ],
    ids=["kept", "ended by the protocol", "ended without a word", "not read to its end"],
)
def test_all_paths_are_answered_through_as_few_forwards_as_the_app_allows(
    handler: type[BaseHTTPRequestHandler], forwards: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    with served_by(handler) as address:

        @contextmanager
        def forwarded(_: Cluster, __: str, pod: str, ___: int) -> Iterator[HTTPConnection]:
            opened.append(pod)
            connection = HTTPConnection(address, timeout=5)
            connection.connect()
            connection.auto_open = 0
            yield connection
            connection.close()

        monkeypatch.setattr(kubernetes_forward, "forwarded", forwarded)
        answers = http_get(Cluster(pytest.fail), "shop", "web-1", 8000, PATHS)
    assert [answer.status for answer in answers] == [200, 200]
    assert len(opened) == forwards


def test_a_pod_that_cannot_be_reached_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def forwarded(*_: object) -> Iterator[HTTPConnection]:
        raise ConnectionRefusedError("refused")
        yield

    monkeypatch.setattr(kubernetes_forward, "forwarded", forwarded)
    answers = http_get(Cluster(pytest.fail), "shop", "web-1", 8000, PATHS)
    assert answers == [Answer(0, "no answer from web-1:8000: ConnectionRefusedError refused")]
