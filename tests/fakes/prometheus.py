"""A small Prometheus over real HTTP on loopback: instant queries, with answers to order.

https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.serving import served_by


def vector(*values: str) -> dict[str, Any]:
    """The answer of that many series, each with its value."""
    result = [{"metric": {"n": str(n)}, "value": [1.5, v]} for n, v in enumerate(values)]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


@dataclass
class FakePrometheus:
    """What it was asked, and what it answers: (status, body), the last one again and again."""

    answers: list[tuple[int, Any]] = field(default_factory=lambda: [(200, vector("0"))])
    queries: list[str] = field(default_factory=list)
    url: str = ""

    def says(self, *values: str, status: int = 200) -> None:
        """From now on a vector of these."""
        self.answers = [(status, vector(*values))]

    def next_answer(self) -> tuple[int, bytes, Sequence[tuple[str, str]]]:
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return status, data, [("Location", self.url)] if status == 302 else []


class Handler(BaseHTTPRequestHandler):
    """One request."""

    prometheus: FakePrometheus

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        status, body, headers = 404, b"{}", list[tuple[str, str]]()
        if url.path == "/api/v1/query":
            self.prometheus.queries.append(parse_qs(url.query)["query"][0])
            status, body, headers = self.prometheus.next_answer()
        self.send_response(status)
        for name, value in [*headers, ("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(prometheus: FakePrometheus) -> Iterator[FakePrometheus]:
    """On a free port; `prometheus.url` says which."""
    with served_by(type("Bound", (Handler,), {"prometheus": prometheus})) as host:
        prometheus.url = f"http://{host}"
        yield prometheus
