"""HTTP through whatever a platform opens towards a release: a stream to each of its hosts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from select import select
from typing import Any, Protocol

import httpcore
import httpx


class Wire(Protocol):
    """A connection to a host of the release."""

    def fileno(self) -> int:
        """What can be waited for."""

    def settimeout(self, seconds: float | None) -> None: ...

    def recv(self, size: int) -> bytes: ...

    def sendall(self, data: bytes) -> None: ...

    def close(self) -> None: ...


Dial = Callable[[str], Wire]


class Tunnels(httpx.BaseTransport):
    """Sends each request to the next host, whatever host its URL names.

    Args:
        dial: opens a wire to a host; OSError where none can be had.
        hosts: those that serve now, asked for each request.
    """

    def __init__(self, dial: Dial, hosts: Callable[[], Sequence[str]]) -> None:
        self._hosts = hosts
        self._turn = 0
        self._pool = httpcore.ConnectionPool(
            network_backend=_Backend(dial), keepalive_expiry=1.0, max_connections=64
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        hosts = self._hosts()
        if not hosts:
            raise httpx.ConnectError("nothing of the release is ready", request=request)
        host = hosts[self._turn % len(hosts)].encode()
        self._turn += 1
        sent = httpcore.Request(
            request.method,
            httpcore.URL(scheme=b"http", host=host, port=80, target=request.url.raw_path),
            headers=[(b"Host", host), *_without_host(request)],
            extensions=request.extensions,
        )
        try:
            answer = self._pool.handle_request(sent)
        except _ERRORS as error:
            raise httpx.TransportError(f"{type(error).__name__} {error}", request=request) from None
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        self._pool.close()


_ERRORS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ConnectionNotAvailable,
)


def _without_host(request: httpx.Request) -> Iterator[tuple[bytes, bytes]]:
    return ((k, v) for k, v in request.headers.raw if k.lower() != b"host")


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        except _ERRORS as error:
            raise httpx.TransportError(f"{type(error).__name__} {error}") from None

    def close(self) -> None:
        self._stream.close()


class _Backend(httpcore.NetworkBackend):
    def __init__(self, dial: Dial) -> None:
        self._dial = dial

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            return _Stream(self._dial(host))
        except OSError as error:
            raise httpcore.ConnectError(f"{host}: {error}") from None


class _Stream(httpcore.NetworkStream):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._wire.settimeout(timeout)
        try:
            return self._wire.recv(max_bytes)
        except TimeoutError:
            raise httpcore.ReadTimeout("no answer in time") from None
        except OSError as error:
            raise httpcore.ReadError(str(error)) from None

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._wire.settimeout(timeout)
        try:
            self._wire.sendall(buffer)
        except OSError as error:
            raise httpcore.WriteError(str(error)) from None

    def close(self) -> None:
        self._wire.close()

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return bool(select([self._wire.fileno()], [], [], 0)[0])
        return None
