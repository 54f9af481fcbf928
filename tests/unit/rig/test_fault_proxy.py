"""The fault proxy plants what it says, and nothing else."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.rig.fault_proxy import FaultProxy, fault_proxy
from tests.rig.faults import (
    Answered,
    AnswerReset,
    BlackHole,
    Duplicated,
    Fault,
    Late,
    Swallowed,
    Truncated,
    UploadReset,
)

BODY = b"y" * 200_000


@dataclass
class Upstream:
    port: int
    bodies: list[int] = field(default_factory=list)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """Answers GET with 200 kB and counts what it is sent."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.bodies.append(len(body))
            self.answer(b"done")

        def do_GET(self) -> None:
            self.answer(BODY)

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")  # as it was asked for; http.server is silent
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *said: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Upstream(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[FaultProxy]:
    with fault_proxy(("127.0.0.1", upstream.port)) as made:
        yield made


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{proxy.address}", timeout=5) as made:
        yield made


def test_what_is_not_planted_goes_through(client: httpx.Client, proxy: FaultProxy) -> None:
    assert client.get("/a").content == BODY
    assert client.post("/b", content=b"x" * 100_000).text == "done"
    assert proxy.seen == ["GET /a", "POST /b"]


def test_the_next_answers_alone_and_those_of_one_path(
    client: httpx.Client, proxy: FaultProxy, upstream: Upstream
) -> None:
    proxy.plant(Answered(429, {"Retry-After": "2"}), times=2, path="^/b", method="POST", after=1)
    codes = [client.post("/b", content=b"x" * 100_000).status_code for _ in range(4)]
    assert codes == [200, 429, 429, 200]
    assert client.get("/b").status_code == 200
    assert len(upstream.bodies) == 2
    assert proxy.planted == []


@pytest.mark.parametrize(
    "fault", [UploadReset(1000), AnswerReset(2), Swallowed(), Truncated(30), BlackHole(0.1)]
)
def test_an_answer_that_does_not_come_is_an_error(
    client: httpx.Client, proxy: FaultProxy, fault: Fault
) -> None:
    proxy.plant(fault)
    with pytest.raises(httpx.TransportError):
        client.post("/a", content=b"x" * 100_000)
    assert client.post("/a", content=b"x").text == "done"


def test_a_swallowed_request_is_carried_out_and_a_cut_one_is_not(
    client: httpx.Client, proxy: FaultProxy, upstream: Upstream
) -> None:
    proxy.plant(Swallowed())
    proxy.plant(UploadReset(1000))
    for _ in range(2):
        with pytest.raises(httpx.TransportError):
            client.post("/a", content=b"x" * 100_000)
    assert upstream.bodies == [100_000]


def test_a_duplicated_request_is_answered_once(
    client: httpx.Client, proxy: FaultProxy, upstream: Upstream
) -> None:
    proxy.plant(Duplicated())
    assert client.post("/a", content=b"abc").text == "done"
    assert upstream.bodies == [3, 3]


def test_a_late_answer_comes(client: httpx.Client, proxy: FaultProxy) -> None:
    proxy.plant(Late(0.3))
    begun = time.monotonic()
    assert client.get("/a").content == BODY
    assert time.monotonic() - begun >= 0.3


def test_nobody_listens_for_a_while(client: httpx.Client, proxy: FaultProxy) -> None:
    with proxy.refusing(), pytest.raises(httpx.ConnectError):
        client.get("/a")
    assert client.get("/a").status_code == 200


def test_before_a_unix_socket(upstream: Upstream, tmp_path: Path) -> None:
    """As an engine has one; and from one to a port, as a relay."""
    socket = tmp_path / "s"
    with (
        fault_proxy(("127.0.0.1", upstream.port), socket) as outer,
        fault_proxy(socket) as inner,
        httpx.Client(base_url=f"http://{inner.address}") as client,
    ):
        outer.plant(Answered(500))
        assert client.get("/a").status_code == 500
        assert client.get("/a").content == BODY
