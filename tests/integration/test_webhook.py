"""`slipway webhook` as a process, between senders over HTTP and a Jenkins that listens."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from slipway.cli.stack.prefect import base_environment
from slipway.webhook import LONGEST_BODY, signature
from tests.rig.ports import free_port

SECRET = "0123456789abcdef-webhook"
PUSH = json.dumps({"ref": "refs/heads/main", "after": "c" * 40}).encode()


@dataclass
class Jenkins:
    """Remembers what it got: (path, headers, body); answers `status`."""

    status: int = 200
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0


@pytest.fixture
def jenkins() -> Iterator[Jenkins]:
    heard = Jenkins()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(heard.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        heard.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield heard
        server.shutdown()
        thread.join()


@dataclass
class Hook:
    """A running receiver."""

    process: "subprocess.Popen[str]"
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/github-webhook/"

    def stop(self) -> list[dict[str, Any]]:
        """What it logged since it listens."""
        self.process.terminate()
        _, logged = self.process.communicate(timeout=20)
        assert SECRET not in logged
        return [json.loads(line) for line in logged.splitlines()]


def arguments(secret: Path, forward: str, listen: str = "127.0.0.1:0") -> list[str]:
    options = ["--secret-file", str(secret), "--forward", forward, "--listen", listen]
    return [sys.executable, "-m", "slipway.cli", "webhook", *options]


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def start(secret_file: Path) -> Iterator[Callable[[int], Hook]]:
    """Starts receivers that pass on to a port of this machine; they are gone after the test."""
    running = []

    def run(port: int) -> Hook:
        argv = arguments(secret_file, f"http://127.0.0.1:{port}/github-webhook/")
        env = base_environment(os.environ)
        process = subprocess.Popen(argv, env=env, stderr=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stderr
        line = json.loads(process.stderr.readline())
        return Hook(process, int(line["address"].rpartition(":")[2]))

    yield run
    for process in running:
        process.kill()
        process.communicate()


def headers(body: bytes = PUSH, *, delivery: str = "72d3162e-cc78", **more: str) -> dict[str, str]:
    signed = signature(SecretStr(SECRET), body)
    return {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": signed,
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


def send(hook: Hook, head: dict[str, str], body: bytes = PUSH) -> httpx.Response:
    return httpx.post(hook.url, headers=head, content=body, timeout=15)


def test_a_good_delivery_is_passed_on_unchanged(start: Any, jenkins: Jenkins) -> None:
    """S2-07: the body to the byte, and GitHub's headers, so that Jenkins verifies it once more."""
    hook = start(jenkins.port)
    body = b'{"ref":  "refs/heads/main",\n "text": "\xc3\xa4"}'
    answer = send(hook, headers(body, Authorization="Bearer x"), body)
    assert answer.status_code == 202
    ((path, got, forwarded),) = jenkins.got
    assert (path, forwarded) == ("/github-webhook/", body)
    assert got["x-hub-signature-256"] == signature(SecretStr(SECRET), body)
    assert (got["x-github-event"], got["user-agent"]) == ("push", "GitHub-Hookshot/044aadd")
    assert "authorization" not in got
    assert [line["event"] for line in hook.stop()] == ["delivery passed on"]


def test_a_forged_delivery_is_denied_and_logged(start: Any, jenkins: Jenkins) -> None:
    """E5, S2-07: unsigned, by another key, altered on its way; nothing reaches Jenkins."""
    hook = start(jenkins.port)
    unsigned = {k: v for k, v in headers().items() if k != "X-Hub-Signature-256"}
    by_another = {**unsigned, "X-Hub-Signature-256": signature(SecretStr("other" * 5), PUSH)}
    answers = [
        send(hook, unsigned),
        send(hook, by_another),
        send(hook, headers(), PUSH.replace(b"main", b"evil")),
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert jenkins.got == []
    logged = hook.stop()
    assert [line["status"] for line in logged] == [401, 401, 401]
    assert all(line["delivery"] == "72d3162e-cc78" for line in logged)
    assert "refs/heads" not in json.dumps(logged)


def test_an_overlong_body_is_denied_unread(start: Any, jenkins: Jenkins) -> None:
    """E5: 413 by its announced length, before one byte of it is sent."""
    hook = start(jenkins.port)
    head = {**headers(), "Host": "x", "Content-Length": str(LONGEST_BODY + 1)}
    lines = [f"{name}: {value}" for name, value in head.items()]
    with socket.create_connection(("127.0.0.1", hook.port), timeout=10) as wire:
        wire.sendall("\r\n".join(["POST /github-webhook/ HTTP/1.1", *lines, "", ""]).encode())
        said = b"".join(iter(lambda: wire.recv(4096), b""))
    assert said.startswith(b"HTTP/1.1 413 ")
    assert [line["status"] for line in hook.stop()] == [413]
    assert jenkins.got == []


def test_an_overlong_body_without_a_length_is_denied(start: Any, jenkins: Jenkins) -> None:
    """E5: in chunks, more than was ever announced."""
    hook = start(jenkins.port)
    body = b'"' + b"x" * LONGEST_BODY + b'"'
    chunks = (body[at : at + 65536] for at in range(0, len(body), 65536))
    try:
        status = httpx.post(hook.url, headers=headers(body), content=chunks).status_code
    except httpx.WriteError:
        status = 413  # it was hung up on while it still sent; the log says why
    assert status == 413
    assert [line["status"] for line in hook.stop()] == [413]
    assert jenkins.got == []


def test_the_longest_body_is_taken(start: Any, jenkins: Jenkins) -> None:
    """E5: the limit itself is allowed."""
    hook = start(jenkins.port)
    body = b'{"x": "' + b"x" * (LONGEST_BODY - 9) + b'"}'
    assert len(body) == LONGEST_BODY
    assert send(hook, headers(body), body).status_code == 202
    assert jenkins.got[0][2] == body


def test_a_replay_starts_nothing(start: Any, jenkins: Jenkins) -> None:
    """E1, E5: the same delivery again, and the same body under another id."""
    hook = start(jenkins.port)
    answers = [send(hook, headers()), send(hook, headers()), send(hook, headers(delivery="a" * 9))]
    assert [answer.status_code for answer in answers] == [202, 200, 200]
    assert len(jenkins.got) == 1
    assert [line["event"] for line in hook.stop()] == [
        "delivery passed on",
        "delivery seen before",
        "delivery seen before",
    ]


def test_jenkins_away_is_told_and_may_be_delivered_again(start: Any, jenkins: Jenkins) -> None:
    """E5, S2-07: 502, so that GitHub lists the delivery as failed; its redelivery goes through."""
    away = start(free_port())
    assert send(away, headers()).status_code == 502
    assert away.stop()[0]["found"] == "ConnectError"
    hook, jenkins.status = start(jenkins.port), 503
    assert send(hook, headers()).status_code == 502
    jenkins.status = 200
    assert send(hook, headers()).status_code == 202


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"X-GitHub-Event": "deployment"}, 400),
        ({"X-GitHub-Delivery": "\x1b[2J"}, 400),
    ],
)
def test_other_kinds_of_deliveries_are_denied(
    start: Any, jenkins: Jenkins, change: dict[str, str], status: int
) -> None:
    """S2-07, G5: only what Jenkins is to get; a log line stays one line."""
    hook = start(jenkins.port)
    assert send(hook, {**headers(), **change}).status_code == status
    assert httpx.get(hook.url).status_code == 405
    assert httpx.post(hook.url.replace("github-webhook", "script")).status_code == 404
    assert httpx.get(hook.url.replace("github-webhook/", "health")).text == "ok\n"
    assert jenkins.got == []
    assert [line["status"] for line in hook.stop()] == [status, 405]


def test_a_sender_who_dawdles_is_let_go(start: Any, jenkins: Jenkins) -> None:
    """E5: a body that never ends holds no place for long."""
    hook = start(jenkins.port)
    head = {**headers(), "Host": "x", "Content-Length": "1000"}
    lines = [f"{name}: {value}" for name, value in head.items()]
    with socket.create_connection(("127.0.0.1", hook.port), timeout=20) as wire:
        wire.sendall("\r\n".join(["POST /github-webhook/ HTTP/1.1", *lines, "", "{"]).encode())
        said = b"".join(iter(lambda: wire.recv(4096), b""))
    assert said.startswith(b"HTTP/1.1 408 ")


def run(argv: list[str]) -> str:
    done = subprocess.run(
        argv, env=base_environment(os.environ), capture_output=True, text=True, check=False
    )
    assert done.returncode in {2, 8}, done.stdout + done.stderr
    return done.stderr


def test_what_it_is_started_with_is_checked(secret_file: Path) -> None:
    """S2-07: a secret that others may read, an address that is none, a port that is taken."""
    good = "http://127.0.0.1:1/github-webhook/"
    assert "may be read by others" not in run(arguments(secret_file, "jenkins:8080"))
    assert "without a user" in run(arguments(secret_file, "http://me:pw@jenkins/"))
    assert "HOST:PORT" in run(arguments(secret_file, good, "8090"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        assert "cannot be listened on" in run(arguments(secret_file, good, listen))
    secret_file.chmod(0o640)
    said = run(arguments(secret_file, good))
    assert "may be read by others" in said
    assert SECRET not in said
