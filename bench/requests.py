"""A steady client that keeps how long each answer took."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.rig.traffic import Load, request


@dataclass
class Asked:
    """When each request began (time.monotonic), what it took, and whether it was answered 200."""

    answers: list[tuple[float, float, bool]] = field(default_factory=list)

    @property
    def failed(self) -> int:
        return sum(not is_good for _, _, is_good in self.answers)


@asynccontextmanager
async def asking(port: int, *, clients: int = 3, pause: float = 0.05) -> AsyncIterator[Asked]:
    """Ask meanwhile; every other client keeps its connection."""
    asked, load = Asked(), Load(port, seconds=0)
    asks = [
        asyncio.create_task(ask(asked, load, keep=number % 2 == 0, pause=pause))
        for number in range(clients)
    ]
    try:
        yield asked
    finally:
        for task in asks:
            task.cancel()
        await asyncio.gather(*asks, return_exceptions=True)


async def ask(asked: Asked, load: Load, *, keep: bool, pause: float) -> None:
    """One client, until it is cancelled; one request each `pause` seconds."""
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    try:
        while True:
            began, is_good = time.monotonic(), False
            with suppress(OSError, EOFError, TimeoutError):
                async with asyncio.timeout(10):
                    streams = streams or await asyncio.open_connection(load.host, load.port)
                    status, _ = await request(*streams, "GET", load, keep)
                    is_good = status == 200
            asked.answers.append((began, time.monotonic() - began, is_good))
            if streams and not (keep and is_good):
                streams[1].close()
                streams = None
            await asyncio.sleep(max(0.0, began + pause - time.monotonic()))
    finally:
        if streams:
            streams[1].close()
