"""The claim: an open record is the lock, a lease beside the chain says that its holder lives.

A claim's record number is the fencing token. A newer claim or takeover record ends every older
holder: its next append raises Superseded, whatever a clock says. A lease is judged by the monotonic
clock of its machine, and from another machine by the clock of the ledger's store.
"""

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Self

from slipway.canonical import JsonObject, canonical_json
from slipway.errors import Retryable, Superseded
from slipway.ledger import LEASE, Kind, Ledger, LedgerStore, Record
from slipway.release import Frozen, Target

LEASE_SECONDS = 15
LOOK_SECONDS = 0.25


class Goal(StrEnum):
    """Why an environment is claimed; a rollback outranks the others."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    DRILL = "drill"


class OpenClaim(Frozen):
    """A claim that no record closed yet.

    Attributes:
        token: number of the newest claim or takeover record.
        opened: number of the record that opened it.
        body: the opening record's body (goal, candidate, wanted and previous specification).
    """

    token: int
    opened: int
    goal: Goal
    body: JsonObject


def open_claim(records: list[Record]) -> OpenClaim | None:
    """The claim that holds the environment, if any. Pure."""
    claim: OpenClaim | None = None
    for record in records:
        if record.kind is Kind.CLAIM:
            goal = Goal(record.body["goal"])
            claim = OpenClaim(
                token=record.number, opened=record.number, goal=goal, body=record.body
            )
        elif record.kind is Kind.TAKEOVER and claim:
            claim = claim.model_copy(update={"token": record.number})
        elif record.kind is Kind.CLOSED:
            claim = None
    return claim


def holder_of(token: int) -> Callable[[list[Record]], None]:
    """A check for `Ledger.append`: the claim with that token must still hold the environment."""

    def check(records: list[Record]) -> None:
        claim = open_claim(records)
        if claim is None or claim.token != token:
            by = f"record {claim.token}" if claim else "its end in the ledger"
            raise Superseded(
                f"claim {token} no longer holds {_where(records)}",
                found=f"superseded by {by}",
                next_step="slipway status shows who holds it now; nothing needs to be freed",
            )

    return check


def _where(records: list[Record]) -> str:
    body = records[0].body if records else {}
    return str(body.get("target", "the environment"))


class Lease(Frozen):
    """The sign of life of a holder.

    No clock is in it that could be set, or that differs between two machines.

    Attributes:
        millis: how long it counts after it was written.
        boot: of the holder's machine; changes as that starts again. Empty where unknown.
        ends: milliseconds of that boot's monotonic clock.
    """

    token: int
    holder: str
    millis: int
    boot: str
    ends: int

    def alive(self, boot: str, monotonic: float, age: float | None) -> bool:
        """Whether the holder counts as alive.

        Args:
            boot, monotonic: of the machine that asks; seconds.
            age: seconds since the lease was written, by the store's clock; what counts where the
                holder is on another machine.
        """
        if boot and boot == self.boot:
            return self.ends > monotonic * 1000
        return age is not None and abs(age) * 1000 < self.millis


def read_lease(store: LedgerStore, target: Target) -> Lease | None:
    """The lease as stored; None where there is none or it cannot be read as one."""
    return parse_lease(store.read_lease(target))


def parse_lease(data: bytes | None) -> Lease | None:
    """A lease out of its bytes; None where they are none."""
    with suppress(ValueError):
        return Lease.model_validate(json.loads(data)) if data else None
    return None


def renew_lease(ledger: Ledger, token: int, seconds: float = LEASE_SECONDS) -> None:
    """Write the holder's sign of life."""
    lease = sign_of_life(token, seconds)
    ledger.store.write_lease(ledger.target, canonical_json(lease.model_dump(mode="json")))


def sign_of_life(token: int, seconds: float) -> Lease:
    """This process's, as of now."""
    return Lease(
        token=token,
        holder=holder_name(),
        millis=int(seconds * 1000),
        boot=boot_id(),
        ends=int((time.monotonic() + seconds) * 1000),
    )


def holder_name() -> str:
    """Host and process id of this holder."""
    return f"{socket.gethostname()}:{os.getpid()}"


@cache
def boot_id() -> str:
    """Tells boots of machines apart; empty where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def lease_lives(store: LedgerStore, target: Target, lease: Lease, name: str = LEASE) -> bool:
    """Whether the lease of that name, as it was read, says that its holder lives."""
    return lease.alive(boot_id(), time.monotonic(), store.age(target, lease=name))


def holder_lives(ledger: Ledger, claim: OpenClaim, seconds: float = LEASE_SECONDS) -> bool:
    """Whether the claim's holder still renews its lease.

    A claim without a lease of its own counts as alive for one lease from the moment it was opened,
    since its holder may be about to write it.
    """
    lease = read_lease(ledger.store, ledger.target)
    if lease and lease.token == claim.token:
        return lease_lives(ledger.store, ledger.target, lease)
    age = ledger.store.age(ledger.target, claim.token)
    return age is not None and abs(age) < seconds


class Holder:
    """Keeps one claim alive from a thread and tells its steps when they must stop.

    Use as a context manager. `check` raises Superseded once a newer claim exists.
    """

    def __init__(self, ledger: Ledger, token: int, seconds: float = LEASE_SECONDS) -> None:
        self.token = token
        self._ledger = Ledger(ledger.store, ledger.target, ledger.actor, ledger.clock)
        self._seconds = seconds
        self._ended = threading.Event()
        self._superseded: Superseded | None = None
        self._thread = threading.Thread(target=self._renew, daemon=True, name=f"lease-{token}")

    def __enter__(self) -> Self:
        renew_lease(self._ledger, self.token, self._seconds)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join(timeout=self._seconds)

    def check(self) -> None:
        """Raises Superseded once this holder must stop."""
        if self._superseded:
            raise self._superseded

    def _renew(self) -> None:
        next_renewal = 0.0
        while not self._ended.wait(min(LOOK_SECONDS, self._seconds / 4)):
            try:
                holder_of(self.token)(self._ledger.records())
                if time.monotonic() >= next_renewal:
                    renew_lease(self._ledger, self.token, self._seconds)
                    next_renewal = time.monotonic() + self._seconds / 4
            except Superseded as error:
                self._superseded = error
                return
            except Retryable:
                continue  # the lease may run out; then a newer claim ends us, never a guess
