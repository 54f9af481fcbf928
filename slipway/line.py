"""The line before an environment: who waits for its claim takes a number, and goes in turn.

A number holds nothing, only a claim does; it says who may try next. It is a lease of its own beside
the chain, so who died while waiting is passed over.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from slipway.canonical import canonical_json
from slipway.claim import LEASE_SECONDS, lease_lives, parse_lease, sign_of_life
from slipway.errors import Busy
from slipway.ledger import Ledger
from slipway.quantities import format_duration

LOOK_SECONDS = 0.25
_FOLDER = "waiting"


@dataclass
class Line:
    """One release's place in the line of its environment.

    Attributes:
        wait_seconds: how long it may wait in all; 0 for who wants the claim now or not at all.
        number: its own once it waits, else 0.
    """

    ledger: Ledger
    wait_seconds: float = 0.0
    seconds: float = LEASE_SECONDS
    number: int = 0
    _began: float = field(default_factory=time.monotonic)
    _renewed: float = 0.0

    @property
    def may_wait(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() - self._began < self.wait_seconds

    async def turn(self, is_held: Callable[[], bool]) -> None:
        """Wait until nobody holds the environment and nobody who came before waits for it.

        Raises:
            Busy: the time is over.
        """
        if not self.wait_seconds:
            return
        while True:
            held = is_held()  # asked first: it may tell this one to give way
            if self.is_next() and not held:
                return
            if not self.may_wait:
                raise self._late()
            await asyncio.sleep(LOOK_SECONDS)

    def is_next(self) -> bool:
        """Whether nobody living waits before; takes a number, and keeps it alive."""
        self._renew()
        return not self.ahead()

    def ahead(self) -> list[int]:
        """Numbers of those who live and came before; all who wait, for one without a number."""
        store, target = self.ledger.store, self.ledger.target
        found = []
        for number in sorted(map(_number, store.leases(target, _FOLDER))):
            if self.number and number >= self.number:
                break
            lease = parse_lease(store.read_lease(target, _name(number)))
            if lease and lease_lives(store, target, lease, _name(number)):
                found.append(number)
        return found

    def leave(self) -> None:
        """Make room for the next."""
        if self.number:
            self.ledger.store.drop_lease(self.ledger.target, _name(self.number))
            self.number = 0

    def refuse_barging(self) -> None:
        """Raises Busy where others wait before this one."""
        if before := self.ahead():
            target = self.ledger.target
            raise Busy(
                f"others wait for {target}",
                found=f"{len(before)} before this one",
                next_step="wait with them: --wait 10m",
            )

    def _renew(self) -> None:
        if self.number and time.monotonic() - self._renewed < self.seconds / 4:
            return
        self._renewed = time.monotonic()
        store, target = self.ledger.store, self.ledger.target
        if self.number:
            store.write_lease(target, self._lease(self.number), _name(self.number))
            return
        while not self.number:
            number = max(map(_number, store.leases(target, _FOLDER)), default=0) + 1
            if store.create_lease(target, self._lease(number), _name(number)):
                self.number = number

    def _lease(self, number: int) -> bytes:
        return canonical_json(sign_of_life(number, self.seconds).model_dump(mode="json"))

    def _late(self) -> Busy:
        target = self.ledger.target
        waited = format_duration(timedelta(milliseconds=int(self.wait_seconds * 1000)))
        return Busy(
            f"{target} did not become free in time",
            found=f"{len(self.ahead())} before this one",
            allowed=f"within {waited}",
            next_step=f"slipway status {target.app} {target.environment}; or wait longer",
        )


def _name(number: int) -> str:
    return f"{_FOLDER}/{number:09d}"


def _number(name: str) -> int:
    return int(name.rpartition("/")[2])


@contextmanager
def standing_in_line(ledger: Ledger, wait_seconds: float, seconds: float) -> Iterator[Line]:
    """A place in the line, which is free again afterwards."""
    line = Line(ledger, wait_seconds, seconds)
    try:
        yield line
    finally:
        line.leave()
