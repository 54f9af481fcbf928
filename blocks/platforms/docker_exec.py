"""Conversations with a program inside a container: bytes in, bytes out, no shell.

The engine sends both output streams in frames of one connection: type (1 byte), 3 zero bytes, size
(4 bytes, big endian); Engine API, POST /containers/{id}/attach.
"""

import io
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any, cast

import docker

_STDOUT = 1
_HEADER = struct.Struct(">BxxxL")


class Conversation(io.RawIOBase):
    """Writes to the program's standard input and reads its standard output."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connection = connection
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            self._left = self._next_output()
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size

    def fileno(self) -> int:
        return self._connection.fileno()

    def settimeout(self, seconds: float | None) -> None:
        """How long each read and each send waits from now on."""
        self._connection.settimeout(seconds)

    def send(self, data: bytes) -> None:
        """Hand bytes to the program."""
        self._connection.sendall(data)

    def _next_output(self) -> bytes:
        """The next piece of standard output; b"" at the end. Standard error is left out."""
        while header := self._exactly(_HEADER.size):
            stream, size = _HEADER.unpack(header)
            piece = self._exactly(size)
            if stream == _STDOUT and piece:
                return piece
        return b""

    def _exactly(self, size: int) -> bytes:
        parts = b""
        while len(parts) < size:
            part = self._connection.recv(size - len(parts))
            if not part:
                return b""
            parts += part
        return parts


@contextmanager
def conversation(
    api: docker.APIClient, container: str, argv: Sequence[str], seconds: float
) -> Iterator[Conversation]:
    """Run `argv` in the container and talk to it; each read waits at most `seconds`.

    Raises:
        OSError, docker.errors.DockerException: see `docker_engine.engine_errors`.
    """
    created = api.exec_create(container, list(argv), stdin=True, stdout=True, stderr=True)
    with _started(api, created["Id"], seconds) as program:
        yield program


@contextmanager
def _started(api: docker.APIClient, exec_id: str, seconds: float) -> Iterator[Conversation]:
    stream = api.exec_start(exec_id, socket=True)
    connection = cast(socket.socket, getattr(stream, "_sock", stream))
    connection.settimeout(seconds)
    try:
        yield Conversation(connection)
    finally:
        stream.close()
        connection.close()


def run_to_end(
    api: docker.APIClient, container: str, argv: Sequence[str], seconds: float
) -> tuple[int | None, str]:
    """Run `argv` in the container to its end: exit code and the start of its output.

    Raises:
        TimeoutError: it printed nothing for that long and still runs.
    """
    created = api.exec_create(container, list(argv), stdout=True, stderr=True)
    output = b""
    with _started(api, created["Id"], seconds) as program:
        while piece := program.read(65536):
            output += piece
    code = api.exec_inspect(created["Id"])["ExitCode"]
    return code, output[:2000].decode(errors="replace").strip()


def run(api: docker.APIClient, container: str, argv: Sequence[str], user: str = "") -> bytes:
    """Run `argv` in the container to its end; its standard output."""
    created = api.exec_create(container, list(argv), stdout=True, stderr=False, user=user)
    return bytes(api.exec_start(created["Id"]) or b"")


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; status 0 where none came, then `text` says why."""

    status: int
    text: str

    def __str__(self) -> str:
        return f"{self.status or 'no answer'}: {self.text}"


class _Stream:
    """What HTTPResponse wants of a socket."""

    def __init__(self, source: io.RawIOBase) -> None:
        self._source = source

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._source)


def http_get(
    api: docker.APIClient, container: str, address: str, path: str, seconds: float = 5
) -> Answer:
    """Ask `http://address/path` from inside the container; a missing answer has status 0."""
    argv = ["socat", "-t", "5", "-", f"TCP:{address},connect-timeout=2"]
    request = f"GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: slipway\r\n"
    try:
        with conversation(api, container, argv, seconds) as program:
            program.send(f"{request}Connection: close\r\n\r\n".encode())
            response = HTTPResponse(cast(socket.socket, _Stream(program)), method="GET")
            response.begin()
            return Answer(response.status, response.read(2000).decode(errors="replace")[:300])
    except (HTTPException, TimeoutError, ConnectionError) as error:
        return Answer(0, f"{type(error).__name__} {error}".strip())
