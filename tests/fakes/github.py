"""A small GitHub over real HTTP on loopback: takes commit statuses, with faults to order."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.fakes.serving import served_by

TOKEN = "ghp_0123456789abcdef"


@dataclass
class FakeGithub:
    """What it was asked (path, body, headers), and the answers to give before it is well.

    A fault is (status, headers); status 0 hangs up.
    """

    faults: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    requests: list[tuple[str, dict[str, Any], dict[str, str]]] = field(default_factory=list)
    url: str = ""
    token: str = TOKEN

    @property
    def statuses(self) -> list[dict[str, Any]]:
        return [body for _, body, _ in self.requests]


class Handler(BaseHTTPRequestHandler):
    """One request."""

    github: FakeGithub

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.github.requests.append((self.path, body, dict(self.headers)))
        if self.github.faults:
            status, headers = self.github.faults.pop(0)
        elif self.headers["Authorization"] == f"Bearer {self.github.token}":
            status, headers = 201, {}
        else:
            status, headers = 401, {}
        if status:
            self.answer(status, headers)

    def do_GET(self) -> None:
        """Where a redirected client would arrive."""
        self.github.requests.append((self.path, {}, dict(self.headers)))
        self.answer(200, {})

    def answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "2"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"{}")


@contextmanager
def serving(github: FakeGithub) -> Iterator[FakeGithub]:
    """On a free port; `github.url` says which."""
    with served_by(type("Bound", (Handler,), {"github": github})) as host:
        github.url = f"http://{host}"
        yield github
