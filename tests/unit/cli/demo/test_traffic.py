"""R11: the client that counts must itself be able to see a failure."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from slipway.cli.demo.traffic import Tally, Traffic, judge

GOOD = json.dumps({"service": "vouchers", "version": "1"}).encode()


@contextmanager
def server(answer: Callable[[int], int]) -> Iterator[str]:
    """Answers request n with the status that `answer(n)` gives; 0 closes without an answer."""
    count = iter(range(1, 1_000_000))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status = answer(next(count))
            if not status:
                self.close_connection = True
                return
            self.send_response(201 if self.command == "POST" and status == 200 else status)
            self.send_header("Content-Length", str(len(GOOD)))
            self.end_headers()
            self.wfile.write(GOOD)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def run(address: str, until: Callable[[Tally], bool]) -> Tally:
    with Traffic({"dev": address}) as traffic:
        end = time.monotonic() + 10
        while not until(traffic.tallies["dev"]) and time.monotonic() < end:
            time.sleep(0.05)
    return traffic.tallies["dev"]


def test_good_answers_are_counted_by_version() -> None:
    with server(lambda n: 200) as address:
        tally = run(address, lambda tally: tally.requests >= 20)
    assert tally.requests >= 20
    assert tally.failures == 0
    assert sum(tally.versions.values()) == tally.requests


def test_nothing_counts_before_the_first_good_answer() -> None:
    with server(lambda n: 503 if n <= 5 else 200) as address:
        tally = run(address, lambda tally: tally.requests >= 5)
    assert tally.failures == 0
    assert tally.requests >= 5


@pytest.mark.parametrize(
    ("status", "says"), [(500, "status 500 instead of 20"), (0, "no answer: RemoteProtocolError")]
)
def test_one_bad_answer_is_a_failure(status: int, says: str) -> None:
    with server(lambda n: status if n == 12 else 200) as address:
        tally = run(address, lambda tally: tally.requests >= 20)
    assert tally.failures == 1
    assert says in tally.lines[0]


def test_an_address_that_never_answers_counts_nothing() -> None:
    tally = run("http://127.0.0.1:9", lambda tally: True)
    assert (tally.requests, tally.failures) == (0, 0)


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (200, b'{"version": "1"}', None),
        (500, b"{}", "status 500 instead of 200"),
        (200, b"<html>", "the body is not that of the service"),
        (200, b"[]", "the body is not that of the service"),
    ],
)
def test_an_answer_is_judged(status: int, body: bytes, failure: str | None) -> None:
    assert judge(status, body, 200, 1).failure == failure
