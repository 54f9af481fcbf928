"""A small registry over real HTTP on loopback, with faults a test can order.

It keeps manifests and blobs in memory, asks for basic or bearer credentials, and serves its own
token endpoint. What a test puts into `faults` answers the next requests instead.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from tests.fakes.serving import served_by

USER, PASSWORD = "pusher", "s3cret-password"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

Fault = Callable[["Handler"], None]


@dataclass
class FakeRegistry:
    """What the server holds and what it saw: `requests` are (method, path, Authorization)."""

    auth: str = "none"
    realm: str = ""
    content: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    scopes: list[str] = field(default_factory=list)
    after_put: Callable[[], None] = lambda: None
    host: str = ""

    def put(self, tag: str, manifest: bytes) -> str:
        """A manifest under a tag, as if somebody else had pushed it."""
        digest = digest_of(manifest)
        self.content[digest] = manifest
        self.tags[tag] = digest
        return digest


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    registry: FakeRegistry

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        authorization = self.headers.get("Authorization", "")
        self.registry.requests.append((self.command, self.path, authorization))
        if self.path.startswith("/token"):
            self.give_token(authorization)
        elif self.registry.faults:
            self.registry.faults.pop(0)(self)
        elif self.is_let_in(authorization):
            self.serve()

    do_GET = do_HEAD = do_PUT = do_POST = handle_any  # noqa: N815 - as http.server calls them

    def give_token(self, authorization: str) -> None:
        if authorization != BASIC:
            return self.answer(401)
        self.registry.scopes.append(parse_qs(urlsplit(self.path).query)["scope"][0])
        token = f"token{len(self.registry.scopes)}"
        self.registry.tokens.add(token)
        return self.answer(200, json.dumps({"token": token, "expires_in": 60}).encode())

    def is_let_in(self, authorization: str) -> bool:
        ways = {
            "none": True,
            "basic": authorization == BASIC,
            "bearer": authorization.removeprefix("Bearer ") in self.registry.tokens,
        }
        if ways[self.registry.auth]:
            return True
        realm = self.registry.realm or f"http://{self.registry.host}/token"
        scheme = "Bearer" if self.registry.auth == "bearer" else "Basic"
        self.answer(401, WWW_Authenticate=f'{scheme} realm="{realm}",service="fake"')
        return False

    def serve(self) -> None:
        kind, _, name = self.path.partition("?")[0].removeprefix("/v2/app/").partition("/")
        if self.command == "POST":
            self.answer(202, Location="/v2/app/blobs/uploads/1?state=x")
        elif self.command == "PUT":
            self.store(kind, name)
        else:
            self.fetch(name)

    def store(self, kind: str, name: str) -> None:
        digest = digest_of(self.body)
        self.registry.content[digest] = self.body
        if kind == "manifests":
            self.registry.tags[name] = digest
            self.registry.after_put()
        self.answer(201, Docker_Content_Digest=digest)

    def fetch(self, name: str) -> None:
        digest = self.registry.tags.get(name, name)
        body = self.registry.content.get(digest)
        if body is None:
            return self.answer(404)
        return self.answer(200, body, Docker_Content_Digest=digest)


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def status(code: int, **headers: str) -> Fault:
    """Answer with that status."""
    return lambda handler: handler.answer(code, b"", **headers)


def cut_off(handler: Handler) -> None:
    """Promise more bytes than are sent, then hang up."""
    handler.answer(200, b"half", Content_Length="1000")
    handler.close_connection = True


@contextmanager
def serving(registry: FakeRegistry) -> Iterator[FakeRegistry]:
    """The registry on a free port; `registry.host` says which."""
    with served_by(type("Bound", (Handler,), {"registry": registry})) as host:
        registry.host = host
        yield registry
