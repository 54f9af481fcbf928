"""A small Vault over real HTTP on loopback: KV version 2, tokens, AppRole, and faults on request.

Spoken as https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2 and
https://developer.hashicorp.com/vault/api-docs/auth/approle have it; answers and their errors as
the engine github.com/hashicorp/vault-plugin-secrets-kv v0.25.0 gives them. Left out: policies,
soft deletion by date, custom metadata, patches, leases.
"""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "fake-root"
MAX_VERSIONS = 10
Answer = tuple[int, Any]
NO_CONTENT: Answer = (204, None)


def errors(status: int, *lines: str) -> Answer:
    return status, {"errors": list(lines)}


def rfc3339(moment: datetime) -> str:
    """Nine digits of a second and a Z, as Go writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "123Z"


@dataclass
class Version:
    data: dict[str, Any] | None
    created: str
    deleted: str = ""
    destroyed: bool = False

    @property
    def metadata(self) -> dict[str, Any]:
        return {
            "created_time": self.created,
            "deletion_time": self.deleted,
            "destroyed": self.destroyed,
        }


@dataclass
class FakeVault:
    """What the server holds.

    Attributes:
        tokens: those that are let in.
        roles: AppRole's role id to secret id.
        fault: answers every request instead, while it is set.
        requests: method and path of each request.
    """

    mount: str = "secret"
    secrets: dict[str, dict[int, Version]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    roles: dict[str, str] = field(default_factory=dict)
    fault: Answer | None = None
    requests: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def answer(self, method: str, target: str, token: str, body: dict[str, Any]) -> Answer:
        """One request, one at a time."""
        parts = urlsplit(target)
        with self.lock:
            self.requests.append(f"{method} {parts.path}")
            if self.fault:
                return self.fault
            if parts.path == "/v1/auth/approle/login":
                return self._login(body)
            if token not in self.tokens:
                return errors(403, "permission denied")
            prefix = f"/v1/{self.mount}/"
            if not parts.path.startswith(prefix):
                return errors(404, f'no handler for route "{parts.path}"')
            act, _, path = parts.path.removeprefix(prefix).partition("/")
            version = int(parse_qs(parts.query).get("version", ["0"])[0])
            return self._kv(f"{method} {act}", path, version, body)

    def _login(self, body: dict[str, Any]) -> Answer:
        if self.roles.get(body.get("role_id", "")) != body.get("secret_id"):
            return errors(400, "invalid role or secret ID")
        token = f"hvs.{uuid.uuid4().hex}"
        self.tokens.add(token)
        return 200, {"auth": {"client_token": token, "lease_duration": 60, "renewable": True}}

    def _kv(self, act: str, path: str, version: int, body: dict[str, Any]) -> Answer:
        match act:
            case "GET data":
                return self._read(path, version)
            case "POST data":
                return self._write(path, body)
            case "GET metadata":
                return self._metadata(path)
            case "LIST metadata":
                return self._list(path)
            case "DELETE metadata":
                self.secrets.pop(path, None)
                return NO_CONTENT
            case "POST destroy":
                return self._destroy(path, body["versions"])
        return errors(405, "unsupported operation")

    def _read(self, path: str, version: int) -> Answer:
        kept = self.secrets.get(path, {})
        number = version or max(kept, default=0)
        if number not in kept:
            return errors(404)
        found = kept[number]
        gone = found.destroyed or found.deleted
        data = {
            "data": None if gone else found.data,
            "metadata": {**found.metadata, "version": number, "custom_metadata": None},
        }
        return (404 if gone else 200), {"data": data}

    def _write(self, path: str, body: dict[str, Any]) -> Answer:
        kept = self.secrets.setdefault(path, {})
        newest = max(kept, default=0)
        if body.get("options", {}).get("cas", newest) != newest:
            line = "check-and-set parameter did not match the current version"
            return errors(400, line)
        kept[newest + 1] = Version(body["data"], rfc3339(datetime.now(UTC)))
        for number in sorted(kept)[:-MAX_VERSIONS]:
            del kept[number]
        return 200, {"data": {**kept[newest + 1].metadata, "version": newest + 1}}

    def _metadata(self, path: str) -> Answer:
        if not (kept := self.secrets.get(path)):
            return errors(404)
        versions = {str(number): version.metadata for number, version in kept.items()}
        return 200, {"data": {"current_version": max(kept), "versions": versions}}

    def _list(self, folder: str) -> Answer:
        begin = f"{folder.strip('/')}/"
        below = [path.removeprefix(begin) for path in self.secrets if path.startswith(begin)]
        keys = sorted({name if not rest else f"{name}/" for name, _, rest in map(_cut, below)})
        return (200, {"data": {"keys": keys}}) if keys else errors(404)

    def _destroy(self, path: str, versions: list[int]) -> Answer:
        for number in versions:
            if found := self.secrets.get(path, {}).get(number):
                found.data, found.destroyed = None, True
        return NO_CONTENT


def _cut(path: str) -> tuple[str, str, str]:
    return path.partition("/")


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    vault: FakeVault

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        token = self.headers.get("X-Vault-Token", "")
        status, found = self.vault.answer(self.command, self.path, token, body)
        data = b"" if found is None else json.dumps(found).encode()
        self.send_response(status)
        if status in {301, 302, 307}:
            self.send_header("Location", f"{self.vault.url}/elsewhere")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = do_LIST = _any  # noqa: N815


@contextmanager
def serving(vault: FakeVault) -> Iterator[FakeVault]:
    """The vault on a free port of loopback, as `url`."""
    handler = type("Bound", (Handler,), {"vault": vault})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    vault.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield vault
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
