"""A client that counts: every request from the first answer on, kept-alive and fresh connections.

It is bounded in requests and in time, speaks to loopback only, and calls anything a failure that a
user would: no answer, a wrong status, a body of something else.
"""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import httpx

from slipway.cli.demo.ways import Find, Way, as_named
from slipway.release import Frozen

KEPT_ALIVE, FRESH = 2, 1
PAUSE = 0.25
TIMEOUT = 10.0
LONGEST_SECONDS = 1800
MOST_REQUESTS = 500_000
KEPT_FAILURES = 20


@dataclass
class Tally:
    """What one address answered, since it first answered well.

    Attributes:
        slowest_millis: of the answered requests.
        versions: requests by the version that answered.
    """

    requests: int = 0
    failures: int = 0
    lines: list[str] = field(default_factory=list)
    slowest_millis: int = 0
    versions: Counter[str] = field(default_factory=Counter)

    def count(self, answer: "Answer", started: float) -> None:
        """Count one request."""
        self.requests += 1
        self.slowest_millis = max(self.slowest_millis, answer.millis)
        if answer.failure:
            self.failures += 1
            self.lines = [*self.lines, f"{started:.1f} s: {answer.failure}"][:KEPT_FAILURES]
        elif answer.version:
            self.versions[answer.version] += 1


class Answer(Frozen):
    """One request as a user sees it."""

    millis: int
    version: str | None = None
    failure: str | None = None


def judge(status: int, body: bytes, wanted: int, millis: int) -> Answer:
    """The answer out of status and body. Pure."""
    if status != wanted:
        return Answer(millis=millis, failure=f"status {status} instead of {wanted}")
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        return Answer(millis=millis, failure="the body is not that of the service")
    return Answer(millis=millis, version=value.get("version"))


class Traffic:
    """Asks each address all the time, from a thread. Use as a context manager."""

    def __init__(self, addresses: Mapping[str, str], find: Find = as_named) -> None:
        self.tallies = {name: Tally() for name in addresses}
        self._addresses = dict(addresses)
        self._find = find
        self._open: set[str] = set()
        self._ended = threading.Event()
        self._started = time.monotonic()
        self._thread = threading.Thread(target=self._run, daemon=True, name="traffic")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let the requests under way end; nothing is counted afterwards."""
        self._ended.set()
        self._thread.join(TIMEOUT + 1)

    @property
    def requests(self) -> int:
        """How many were counted so far."""
        return sum(tally.requests for tally in self.tallies.values())

    @property
    def failures(self) -> int:
        """How many of them failed."""
        return sum(tally.failures for tally in self.tallies.values())

    def _run(self) -> None:
        asyncio.run(self._ask_all())

    async def _ask_all(self) -> None:
        kinds = [False] * KEPT_ALIVE + [True] * FRESH
        users = [
            self._user(name, address, fresh=fresh)
            for name, address in self._addresses.items()
            for fresh in kinds
        ]
        await asyncio.gather(*users)

    async def _user(self, name: str, address: str, *, fresh: bool) -> None:
        """One user: reads the front page, and every fifth time buys a voucher."""
        async with client_of(await self._way(address), fresh=fresh) as client:
            turn = 0
            while not self._over():
                turn += 1
                started = time.monotonic()
                answer = await ask(client, buys=turn % 5 == 0 and name in self._open)
                if answer.failure is None:
                    self._open.add(name)
                if name in self._open and not self._ended.is_set():
                    self.tallies[name].count(answer, started - self._started)
                await asyncio.sleep(PAUSE)

    async def _way(self, address: str) -> Way:
        """The way there; waits until there is one."""
        while not (way := await asyncio.to_thread(self._find, address)):
            if self._over():
                return Way(address)
            await asyncio.sleep(PAUSE)
        return way

    def _over(self) -> bool:
        late = time.monotonic() - self._started > LONGEST_SECONDS
        return self._ended.is_set() or late or self.requests > MOST_REQUESTS


def client_of(way: Way, *, fresh: bool) -> httpx.AsyncClient:
    """One user's client."""
    limits = httpx.Limits(max_keepalive_connections=0 if fresh or not way.keeps else 1)
    return httpx.AsyncClient(
        base_url=way.url,
        timeout=TIMEOUT,
        limits=limits,
        trust_env=False,
        verify=way.verify,
        headers=way.headers,
    )


async def ask(client: httpx.AsyncClient, *, buys: bool) -> Answer:
    """One request to the voucher service."""
    started = time.monotonic()
    try:
        if buys:
            response = await client.post("/vouchers", json={"amount": 2500})
        else:
            response = await client.get("/")
    except httpx.HTTPError as error:
        millis = int((time.monotonic() - started) * 1000)
        return Answer(millis=millis, failure=f"no answer: {type(error).__name__}")
    millis = int((time.monotonic() - started) * 1000)
    wanted = httpx.codes.CREATED if buys else httpx.codes.OK
    return judge(response.status_code, response.content, wanted, millis)
