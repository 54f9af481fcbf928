"""AWS as `moto_server` plays it, a process of its own on loopback, and one that answers errors."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from prefect_aws import AwsCredentials
from pydantic import SecretStr

from tests.rig.ports import free_port

REGION = "eu-west-1"


def credentials(endpoint: str) -> AwsCredentials:
    """Keys that moto takes; one try, so that a fault is seen at once."""
    return AwsCredentials(
        aws_access_key_id="testing",
        aws_secret_access_key=SecretStr("testing"),
        region_name=REGION,
        aws_client_parameters={
            "endpoint_url": endpoint,
            "config": {"retries": {"total_max_attempts": 1}, "connect_timeout": 2},
        },
    )


@contextmanager
def moto_server() -> Iterator[str]:
    """Its address, once it answers; every AWS service is behind it."""
    port = free_port()
    program = Path(sys.executable).with_name("moto_server")
    process = subprocess.Popen(
        [str(program), "-H", "127.0.0.1", "-p", str(port)],
        env={"PATH": os.environ["PATH"], "MOTO_ACCOUNT_ID": "123456789012"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    endpoint = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{endpoint}/moto-api/")
        yield endpoint
    finally:
        process.terminate()
        process.wait(timeout=10)


def wait_for(url: str, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            httpx.get(url, timeout=5).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"{url} does not answer")


@contextmanager
def failing_aws(status: int, code: str, text: str) -> Iterator[str]:
    """An address where each request of the JSON protocol gets that error, with that text in it."""
    body = json.dumps({"__type": code, "message": text, "Message": text}).encode()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Says nothing."""

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
