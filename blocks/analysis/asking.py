"""HTTP requests whose answers are not trusted: bounded in size and time, no redirect followed."""

import math
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Thread
from urllib.parse import urlsplit

import httpx

from slipway.analysis_hosts import is_never_asked
from slipway.explanations import printable

SECONDS = 5.0
CHECK_SECONDS = 0.5
MOST_BYTES = 2**20
FORBIDDEN = "lies at an address where nothing is asked"
Open = Callable[[], httpx.Client]
Check = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; status 0 where none came, then `text` says why.

    Attributes:
        millis: from the request to the last byte, rounded up.
        body: whole, at most MOST_BYTES.
    """

    status: int
    millis: int
    text: str = ""
    body: bytes = b""

    def __str__(self) -> str:
        return str(self.status) if self.status else self.text


def client(
    transport: httpx.BaseTransport | None = None, *, trust_env: bool = False
) -> httpx.Client:
    """A client that goes nowhere but where it is sent.

    Args:
        transport: how servers are reached; TCP by default.
        trust_env: whether proxies and certificates that the environment names count.
    """
    return httpx.Client(
        transport=transport,
        timeout=SECONDS,
        follow_redirects=False,
        trust_env=trust_env,
        headers={"User-Agent": "slipway", "Accept-Encoding": "identity"},
        # A connection that stood idle may be closed at the other end while it is used again.
        limits=httpx.Limits(keepalive_expiry=1.0),
    )


class Asker:
    """Asks one URL after the other while the holder's check goes on.

    Args:
        is_outside: the URL's host is resolved by this machine, and held to where it lies.
    """

    def __init__(self, open_client: Open, check: Check, *, is_outside: bool = False) -> None:
        self._open = open_client
        self._check = check
        self._is_outside = is_outside
        self._client = open_client()

    def close(self) -> None:
        self._client.close()

    def get(self, url: str, parameters: Mapping[str, str] | None = None) -> Answer:
        """The answer; never raises what went wrong with it.

        Raises:
            Superseded, Interrupted: this holder must stop.
        """
        done: Future[Answer] = Future()
        get = _get_outside if self._is_outside else _get
        act = partial(get, self._client, url, parameters)
        Thread(target=_fulfil, args=(done, act), daemon=True).start()
        until = time.monotonic() + SECONDS
        while not done.done() and time.monotonic() < until:
            self._check()
            wait([done], timeout=CHECK_SECONDS)
        if done.done():
            return done.result()
        # Whoever sends byte by byte keeps the old client's thread, not us.
        self._client = self._open()
        return Answer(0, int(SECONDS * 1000), f"no whole answer within {SECONDS:.0f} s")


def _fulfil(done: Future[Answer], act: Callable[[], Answer]) -> None:
    try:
        done.set_result(act())
    except BaseException as error:  # noqa: BLE001 - raised where the result is read
        done.set_exception(error)


def _get(client: httpx.Client, url: str, parameters: Mapping[str, str] | None) -> Answer:
    started = time.monotonic()
    body = bytearray()
    try:
        with client.stream("GET", url, params=parameters) as response:
            for piece in response.iter_raw():
                body += piece
                if len(body) > MOST_BYTES:
                    break
        return Answer(response.status_code, _millis(started), body=bytes(body[:MOST_BYTES]))
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Answer(0, _millis(started), printable(f"{type(error).__name__} {error}")[:200])


def _get_outside(client: httpx.Client, url: str, parameters: Mapping[str, str] | None) -> Answer:
    """A name that somebody else serves may lead anywhere, so it is looked up each time.

    Where only a proxy knows the name, the proxy has the last word.
    """
    started, found = time.monotonic(), []
    with suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(urlsplit(url).hostname, None, type=socket.SOCK_STREAM)
    for *_, address in found:
        if is_never_asked(str(address[0])):
            return Answer(0, _millis(started), f"{FORBIDDEN}: {address[0]}")
    return _get(client, url, parameters)


def _millis(started: float) -> int:
    return math.ceil((time.monotonic() - started) * 1000)
