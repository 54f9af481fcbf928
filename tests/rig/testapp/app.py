"""An app made to misbehave on request: the environment variable MODE says how.

ok           serves
crash        writes a line and exits 3
never-ready  /ready answers 503
expires:T    /ready answers 503 once it is T (seconds since 1970)
unhealthy    its own health check fails from the start
flap:N       serves, and exits 4 after N seconds
sick:N       serves, and its own health check fails after N seconds
error:N      serves, and answers 500 after N seconds, but for /ready
error        answers 500 from the start, but for /ready
faulty:N     serves, and every Nth answer at /version is 500
oom          takes memory until it is killed
relay        answers what http://BACKEND/version answers, after its own version

Its own health check asks /alive. /version answers VERSION, /slow/N takes N seconds, /secret/NAME
tells the length of the secret file NAME.
"""

import socket
import sys


def check() -> int:
    """The container's HEALTHCHECK: every second, so it comes before what is slow to import."""
    with socket.create_connection(("127.0.0.1", 8000), timeout=3) as wire:
        wire.sendall(b"GET /alive HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n")
        return 0 if wire.recv(64).startswith(b"HTTP/1.1 200 ") else 1


if sys.argv[1:] == ["check"]:
    sys.exit(check())

import itertools  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
import urllib.request  # noqa: E402
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer  # noqa: E402
from pathlib import Path  # noqa: E402

MODE, _, AFTER = os.environ.get("MODE", "ok").partition(":")
STARTED = time.monotonic()
TURNS = itertools.count(1)


def is_due() -> bool:
    return time.monotonic() - STARTED >= float(AFTER or 0)


def version() -> str:
    own = os.environ.get("VERSION", "none")
    if MODE != "relay":
        return own
    with urllib.request.urlopen(f"http://{os.environ['BACKEND']}/version", timeout=5) as answer:
        return f"{own}+{answer.read().decode()}"


def answer_to(path: str) -> tuple[int, str]:
    if path == "/ready":
        has_expired = MODE == "expires" and time.time() >= float(AFTER)
        return (503, "not ready") if MODE == "never-ready" or has_expired else (200, "ready")
    if path == "/alive":
        return (500, "sick") if MODE in ("sick", "unhealthy") and is_due() else (200, "alive")
    if MODE == "faulty" and path == "/version" and next(TURNS) % int(AFTER) == 0:
        return 500, "broken"
    if MODE == "error" and is_due():
        return 500, "broken"
    if path.startswith("/slow/"):
        time.sleep(float(path.rpartition("/")[2]))
    if path.startswith("/secret/"):
        return 200, str(len((Path("/run/secrets") / path.rpartition("/")[2]).read_text()))
    return 200, version()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, text = answer_to(self.path)
        body = text.encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        self.wfile.write(head + body)

    do_POST = do_GET  # noqa: N815 - the name that http.server wants

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


def misbehave() -> None:
    if MODE == "crash":
        print("fatal: no database at db:5432", flush=True)
        sys.exit(3)
    if MODE == "oom":
        hoard = []
        while True:
            hoard.append(bytearray(4 * 1024 * 1024))
    if MODE == "flap":
        threading.Timer(float(AFTER), os._exit, [4]).start()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    misbehave()
    Server(("0.0.0.0", 8000), Handler).serve_forever()  # noqa: S104 - inside a container
