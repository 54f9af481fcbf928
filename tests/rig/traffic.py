"""A client that counts every request: keep-alive and new connections, bounded in time."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Tally:
    """What a client saw: answers by status, bodies by text, and each failure in words."""

    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    bodies: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0

    @property
    def failed(self) -> int:
        return len(self.failures)


@dataclass(frozen=True)
class Load:
    """A load to put on ``host:port``: clients of each kind, seconds, pause between requests.

    ``name`` is what they ask for, where that is another than the host.
    """

    port: int
    seconds: float
    host: str = "127.0.0.1"
    path: str = "/version"
    methods: tuple[str, ...] = ("GET", "POST")
    keep_alive: int = 8
    anew: int = 4
    pause: float = 0.02
    name: str = ""


async def request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: str, load: Load, keep: bool
) -> tuple[int, str]:
    """Send one HTTP/1.1 request and read its whole answer: (status, body)."""
    body = b"x=1" if method == "POST" else b""
    writer.write(
        f"{method} {load.path} HTTP/1.1\r\nHost: {load.name or load.host}\r\n"
        f"Connection: {'keep-alive' if keep else 'close'}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    lengths = [
        x.split(":")[1] for x in head.split("\r\n") if x.lower().startswith("content-length")
    ]
    text = await reader.readexactly(int(lengths[0])) if lengths else await reader.read()
    return int(head.split()[1]), text.decode(errors="replace").strip()


async def client(load: Load, tally: Tally, keep: bool, until: float) -> None:
    """Ask until ``until`` (monotonic seconds), with one connection or with one per request."""
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    turn = 0
    while time.monotonic() < until:
        method = load.methods[turn % len(load.methods)]
        turn += 1
        begun = time.monotonic()
        tally.sent += 1
        try:
            async with asyncio.timeout(10):
                streams = streams or await asyncio.open_connection(load.host, load.port)
                status, body = await request(*streams, method, load, keep)
            note(tally, method, status, body, time.monotonic() - begun)
        except (OSError, EOFError, TimeoutError) as error:
            tally.failures.append(f"{method} {type(error).__name__} {'kept' if keep else 'new'}")
            keep_open = False
        else:
            keep_open = keep
        if streams and not keep_open:
            streams[1].close()
            streams = None
        await asyncio.sleep(load.pause)
    if streams:
        streams[1].close()


def note(tally: Tally, method: str, status: int, body: str, took: float) -> None:
    """Count one answer; anything but 200 is a failure."""
    tally.statuses[status] += 1
    tally.bodies[body] += 1
    tally.slowest = max(tally.slowest, took)
    if status != 200:
        tally.failures.append(f"{method} {status} {body[:60]}")


async def drive(load: Load) -> Tally:
    """Run all clients of ``load`` to its end and give what they saw."""
    tally = Tally()
    until = time.monotonic() + load.seconds
    kinds = [True] * load.keep_alive + [False] * load.anew
    await asyncio.gather(*(client(load, tally, keep, until) for keep in kinds))
    return tally


async def drive_during(load: Load, act: Callable[[], object]) -> Tally:
    """What clients saw from before the act to after it, however long it takes.

    The load is run again and again until the act has ended, and then once more.
    """
    tally = Tally()
    acting = asyncio.create_task(asyncio.to_thread(act))
    is_last = False
    while not is_last:
        is_last = acting.done()
        seen = await drive(load)
        tally.sent += seen.sent
        tally.bodies += seen.bodies
        tally.failures += seen.failures
    await acting
    return tally
