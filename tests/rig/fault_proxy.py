"""A proxy that plants faults, before a registry, a Prefect or Kubernetes API, or an engine (R3).

    with fault_proxy(("127.0.0.1", registry_port)) as proxy:
        proxy.plant(Answered(429, {"Retry-After": "1"}), times=2, path="/manifests/")
        ...                 # clients use proxy.address
        assert proxy.planted == []

It listens on a port of loopback or on a Unix socket, and speaks HTTP/1.1: each request gets a
connection of its own, so that each can be counted and have a fault of its own. What is upgraded, as
a WebSocket, is passed on as it is. `python -m tests.rig.fault_proxy FROM TO` is a plain relay, for
a network namespace of another process.
"""

import asyncio
import re
import ssl
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.rig.faults import LONGEST_SECONDS, Exchange, Fault, Nothing, Request, Streams
from tests.rig.ports import free_port

START_SECONDS = 10
Address = tuple[str, int] | Path


@dataclass
class Planted:
    """A fault that waits for `times` requests with that method, where given, and path."""

    fault: Fault
    times: int
    path: re.Pattern[str]
    method: str | None
    after: int

    def meets(self, request: Request) -> bool:
        """Whether this request gets it; one that is passed over is counted."""
        fits = self.method in (None, request.method) and self.path.search(request.path)
        if not fits or self.times <= 0:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True


@dataclass
class FaultProxy:
    """Attributes: upstream, where requests go; listen, where they come from; tls, of the upstream;
    seen, each request as `METHOD path`.
    """

    upstream: Address
    listen: Address = field(default_factory=lambda: ("127.0.0.1", free_port()))
    tls: ssl.SSLContext | None = None
    seen: list[str] = field(default_factory=list)
    planted: list[Planted] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _server: asyncio.Server | None = None
    _thread: threading.Thread = field(init=False)
    _running: set[asyncio.Task[None]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def port(self) -> int:
        assert isinstance(self.listen, tuple)
        return self.listen[1]

    @property
    def address(self) -> str:
        """As clients of a registry or an API name it: host and port; of an engine: unix://..."""
        if isinstance(self.listen, Path):
            return f"unix://{self.listen}"
        return f"{self.listen[0]}:{self.listen[1]}"

    def plant(
        self,
        fault: Fault,
        *,
        times: int = 1,
        path: str = "",
        method: str | None = None,
        after: int = 0,
    ) -> None:
        """The next `times` requests whose path holds that pattern, but for the first `after`."""
        with self._lock:
            self.planted.append(Planted(fault, times, re.compile(path), method, after))

    def clear(self) -> None:
        """Nothing befalls the requests to come."""
        with self._lock:
            self.planted.clear()

    def count(self, pattern: str) -> int:
        """How many requests were seen whose `METHOD path` holds the pattern."""
        return sum(bool(re.search(pattern, line)) for line in list(self.seen))

    def drop_connections(self) -> None:
        """Reset every connection there is, as a server does that dies."""
        self._call(self._drop())

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Nobody listens meanwhile, and what was open is reset."""
        self._call(self._stop())
        try:
            yield
        finally:
            self._call(self._start())

    def start(self) -> None:
        self._thread.start()
        self._call(self._start())

    def close(self) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)
        self._loop.close()

    def _call(self, act: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(act, self._loop).result(START_SECONDS)

    async def _start(self) -> None:
        if isinstance(self.listen, Path):
            self.listen.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._serve, str(self.listen))
        else:
            self._server = await asyncio.start_server(self._serve, *self.listen)

    async def _stop(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        await self._drop()

    async def _drop(self) -> None:
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _connect(self) -> Streams:
        if isinstance(self.upstream, Path):
            return await asyncio.open_unix_connection(str(self.upstream))
        return await asyncio.open_connection(*self.upstream, ssl=self.tls)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._running.add(task)
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                await self._exchange(reader, writer)
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            writer.transport.abort()
        finally:
            self._running.discard(task)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = Request.parse(await reader.readuntil(b"\r\n\r\n"))
        exchange = Exchange(request, reader, writer, self._connect)
        self.seen.append(f"{request.method} {request.path}")
        try:
            await self._fault(request).befall(exchange)
        except BaseException:
            exchange.reset()
            raise
        exchange.close()

    def _fault(self, request: Request) -> Fault:
        with self._lock:
            found = next((each for each in self.planted if each.meets(request)), None)
            self.planted = [each for each in self.planted if each.times > 0]
        return found.fault if found else Nothing()


@contextmanager
def fault_proxy(
    upstream: Address, listen: Address | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[FaultProxy]:
    """A proxy that listens; faults are planted while it runs."""
    proxy = FaultProxy(upstream, listen or ("127.0.0.1", free_port()), tls)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.close()


def read_address(text: str) -> Address:
    """`HOST:PORT`, or the path of a Unix socket."""
    host, colon, port = text.rpartition(":")
    return (host, int(port)) if colon else Path(text)


if __name__ == "__main__":
    with fault_proxy(read_address(sys.argv[2]), read_address(sys.argv[1])):
        print("listening", flush=True)
        with suppress(KeyboardInterrupt):
            sys.stdin.read()
