"""What can befall one request on its way through `tests.rig.fault_proxy`; each is bounded (R3)."""

import asyncio
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

CHUNK = 64 * 1024
LONGEST_SECONDS = 300.0
_LINGER = struct.pack("ii", 1, 0)  # closed with this, a connection is reset

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Request:
    """The head of a request: its first line's words, and all its bytes."""

    method: str
    path: str
    head: bytes

    @classmethod
    def parse(cls, head: bytes) -> "Request":
        method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        return cls(method, rest.partition(" ")[0], head)

    def header(self, name: str) -> str:
        found = re.search(rf"(?im)^{name}:\s*(.*?)\s*$", self.head.decode("latin-1"))
        return found[1] if found else ""

    @property
    def closing(self) -> bytes:
        """The head as it goes on: the only request of its connection, unless that is upgraded."""
        if self.header("Upgrade"):
            return self.head
        first, _, rest = re.sub(rb"(?im)^connection:.*\r\n", b"", self.head).partition(b"\r\n")
        return first + b"\r\nConnection: close\r\n" + rest


@dataclass
class Exchange:
    """One request of a client, and how to reach who would answer it."""

    request: Request
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    connect: Callable[[], Awaitable[Streams]]
    opened: list[asyncio.StreamWriter] = field(default_factory=list)

    async def forward(self, body: bytes = b"") -> Streams:
        """A connection that the head, and these bytes after it, were sent on."""
        reader, writer = await self.connect()
        self.opened.append(writer)
        writer.write(self.request.closing + body)
        await writer.drain()
        return reader, writer

    async def body(self) -> bytes:
        """The request's body, of the length that its head tells."""
        length = int(self.request.header("Content-Length") or 0)
        return await self.reader.readexactly(length)

    def reset(self) -> None:
        """End it without a word, on both sides."""
        for writer in (self.writer, *self.opened):
            connection = writer.get_extra_info("socket")
            if connection.family != socket.AF_UNIX:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
            writer.transport.abort()

    def close(self) -> None:
        for writer in (self.writer, *self.opened):
            writer.close()


async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter, most: int = -1) -> bool:
    """Copy until the source ends, or so many bytes went over; whether it ended."""
    while most:
        data = await source.read(CHUNK if most < 0 else min(CHUNK, most))
        if not data:
            return True
        sink.write(data)
        await sink.drain()
        most -= len(data) if most > 0 else 0
    return False


async def relay(exchange: Exchange, upload: int = -1, download: int = -1) -> bool:
    """Both ways until the answer ends; whether it came whole, below those numbers of bytes."""
    reader, writer = await exchange.forward()

    async def up() -> bool:
        whole = await pipe(exchange.reader, writer, upload)
        if whole and writer.can_write_eof():
            writer.write_eof()
        return whole

    sending = asyncio.create_task(up())
    answering = asyncio.create_task(pipe(reader, exchange.writer, download))
    try:
        await asyncio.wait((sending, answering), return_when=asyncio.FIRST_COMPLETED)
        if sending.done() and not sending.exception() and not sending.result():
            return False
        return await answering
    finally:
        for task in (sending, answering):
            task.cancel()
        await asyncio.gather(sending, answering, return_exceptions=True)


class Fault(Protocol):
    """Something that befalls a request."""

    async def befall(self, exchange: Exchange) -> None: ...


@dataclass(frozen=True)
class Nothing:
    """It goes through."""

    async def befall(self, exchange: Exchange) -> None:
        await relay(exchange)


@dataclass(frozen=True)
class Answered:
    """Answered with this status, and never forwarded."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b'{"message": "a planted fault"}'

    async def befall(self, exchange: Exchange) -> None:
        own = {"Content-Type": "application/json", "Content-Length": str(len(self.body))}
        lines = [f"{k}: {v}" for k, v in {**own, "Connection": "close", **self.headers}.items()]
        head = "\r\n".join([f"HTTP/1.1 {self.status} Planted", *lines, "", ""])
        body = b"" if exchange.request.method == "HEAD" else self.body
        exchange.writer.write(head.encode() + body)
        await exchange.writer.drain()
        exchange.writer.write_eof()
        # What the client still sends is read, else the kernel would reset the answer away.
        while await exchange.reader.read(CHUNK):
            pass


@dataclass(frozen=True)
class Late:
    """It goes through, so many seconds later."""

    seconds: float

    async def befall(self, exchange: Exchange) -> None:
        await asyncio.sleep(self.seconds)
        await relay(exchange)


@dataclass(frozen=True)
class BlackHole:
    """Taken and never answered; ended after so many seconds."""

    seconds: float = 60.0

    async def befall(self, exchange: Exchange) -> None:
        await asyncio.sleep(self.seconds)
        exchange.reset()


@dataclass(frozen=True)
class UploadReset:
    """Reset once so many bytes of its body went over."""

    after: int

    async def befall(self, exchange: Exchange) -> None:
        if not await relay(exchange, upload=self.after):
            exchange.reset()


@dataclass(frozen=True)
class AnswerReset:
    """Reset once so many bytes of its answer came back."""

    after: int

    async def befall(self, exchange: Exchange) -> None:
        if not await relay(exchange, download=self.after):
            exchange.reset()


@dataclass(frozen=True)
class Truncated:
    """Its answer ends after so many bytes, as if that were all."""

    after: int

    async def befall(self, exchange: Exchange) -> None:
        await relay(exchange, download=self.after)


@dataclass(frozen=True)
class Swallowed:
    """It is carried out, and its answer lost."""

    async def befall(self, exchange: Exchange) -> None:
        reader, _ = await exchange.forward(await exchange.body())
        while await reader.read(CHUNK):
            pass
        exchange.reset()


@dataclass(frozen=True)
class Duplicated:
    """It arrives twice; the second answer goes back."""

    async def befall(self, exchange: Exchange) -> None:
        body = await exchange.body()
        reader, _ = await exchange.forward(body)
        while await reader.read(CHUNK):
            pass
        again, _ = await exchange.forward(body)
        await pipe(again, exchange.writer)
