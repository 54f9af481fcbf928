"""The ledger: one append-only chain of records for every environment of every app.

Appending record n succeeds for exactly one writer, because a store creates n only where n is
absent. Each record carries the hash of the one before it; the first carries a hash of its target,
so a chain copied from another environment does not verify. A record is canonical JSON:

    {"actor": ..., "body": {...}, "kind": ..., "number": n, "previous": "sha256:...", "time": ...}
"""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from pydantic import ValidationError

from slipway.canonical import JsonObject, canonical_json, content_digest, sha256_digest
from slipway.errors import LedgerTampered
from slipway.names import Actor
from slipway.release import Frozen, Target

APPEND_TRIES = 1000
LEASE = "lease"


class Kind(StrEnum):
    """What a record says."""

    CLAIM = "claim"  # opens a release, rollback or drill; its number is the fencing token
    TAKEOVER = "takeover"  # recovery holds an open claim from here on
    INTENT = "intent"  # a step is about to act
    OBSERVED = "observed"  # a step acted, and this was seen
    VERIFIED = "verified"  # the specification serves and was verified
    ACCESS = "access"  # secrets are about to be read: which versions, and why
    FAILED = "failed"  # why a release failed, with the explanation
    CLOSED = "closed"  # the claim ended; body.outcome says how
    REQUESTED = "requested"  # a gate waits for approvals of this plan
    APPROVAL = "approval"  # a signed decision
    QUEUED = "queued"  # an admitted release waits for the one that holds the environment
    SUPERSEDED = "superseded"  # a release that waited gave way to a newer one
    REFUSED = "refused"  # a release was refused before anything was changed
    QUARANTINE = "quarantine"  # a candidate may not enter any environment
    PARDON = "pardon"  # a quarantine was lifted, with a reason
    DRILL = "drill"  # a rollback drill's measurements


class Record(Frozen):
    """One link of the chain. `time` is RFC 3339 in UTC; `previous` a sha256 digest."""

    number: int
    previous: str
    time: str
    actor: Actor
    kind: Kind
    body: JsonObject

    @property
    def data(self) -> bytes:
        """The bytes as stored."""
        return canonical_json(self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        """What the next record carries as `previous`."""
        return sha256_digest(self.data)


class LedgerStore(Protocol):
    """Where the bytes are kept. Records are created once and never changed."""

    def targets(self) -> list[Target]:
        """Every target that has a chain."""

    def numbers(self, target: Target) -> list[int]:
        """Numbers of the stored records, ascending."""

    def read(self, target: Target, number: int) -> bytes | None:
        """One record's bytes, or None."""

    def create(self, target: Target, number: int, data: bytes) -> bool:
        """Store durably where the number is absent; False where another writer was first."""

    def read_lease(self, target: Target, name: str = LEASE) -> bytes | None:
        """A lease, which lies outside the chain: the holder's, or of that name."""

    def write_lease(self, target: Target, data: bytes, name: str = LEASE) -> None:
        """Replace the lease atomically."""

    def create_lease(self, target: Target, data: bytes, name: str) -> bool:
        """Write it where there is none of that name; False where another writer was first."""

    def drop_lease(self, target: Target, name: str) -> None:
        """Remove it, where it is there."""

    def leases(self, target: Target, folder: str) -> list[str]:
        """Names of the leases in that folder."""

    def now(self) -> datetime:
        """The store's own clock, which everybody shares whose machines' clocks differ; aware."""

    def age(self, target: Target, number: int | None = None, lease: str = LEASE) -> float | None:
        """Seconds since that record, or the lease, was written, by the store's own clock.

        None where there is none. Negative where that clock was set back since.
        """

    def keep_evidence(self, target: Target, data: bytes) -> str:
        """Store bytes by their digest; the digest."""

    def read_evidence(self, target: Target, digest: str) -> bytes | None:
        """Bytes stored by `keep_evidence`."""


def genesis(target: Target) -> str:
    """What the first record of a target carries as `previous`."""
    return content_digest({"slipway": "ledger", "target": str(target)})


def utc_now() -> datetime:
    """The wall clock, aware, in UTC."""
    return datetime.fromtimestamp(time.time(), UTC)


def steady(clock: Callable[[], datetime]) -> Callable[[], datetime]:
    """That clock as it was when first asked, and the time that has passed since."""
    began: list[tuple[datetime, float]] = []

    def now() -> datetime:
        if not began:
            began.append((clock(), time.monotonic()))
        moment, at = began[0]
        return moment + timedelta(seconds=time.monotonic() - at)

    return now


def timestamp(moment: datetime) -> str:
    """RFC 3339 with milliseconds and Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_record(data: bytes, number: int) -> Record:
    """A record out of its bytes.

    Raises:
        LedgerTampered: the bytes are not the canonical form of a record with that number.
    """
    try:
        record = Record.model_validate(json.loads(data))
    except (ValueError, ValidationError) as error:
        raise tampered(number, "is not a record") from error
    if record.number != number:
        raise tampered(number, f"says it is number {record.number}")
    if record.data != data:
        raise tampered(number, "is not in canonical form")
    return record


def tampered(number: int, why: str) -> LedgerTampered:
    """The error that names the first bad record."""
    return LedgerTampered(
        f"ledger record {number} {why}",
        next_step="slipway audit verify; restore the ledger from its last good copy",
    )


class Ledger:
    """One target's chain, verified as it is read.

    Only new records are read again, since records never change.

    Attributes:
        clock: what time it is.
        steady: the same for waiting: once asked it goes on by itself, wherever a clock is set to.
    """

    def __init__(
        self,
        store: LedgerStore,
        target: Target,
        actor: str,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """Args: clock, which the records' times are told by; the store's own unless given."""
        self.store = store
        self.target = target
        self.actor = actor
        self.clock = clock or store.now
        self.steady = clock or steady(store.now)
        self._records: list[Record] = []

    def records(self) -> list[Record]:
        """The whole chain, oldest first.

        Raises:
            LedgerTampered: the first record that does not fit the one before it.
        """
        self._records.extend(self._new_records())
        return list(self._records)

    def _new_records(self) -> Iterator[Record]:
        last = self._records[-1] if self._records else None
        previous = last.digest if last else genesis(self.target)
        number = last.number + 1 if last else 1
        while (data := self.store.read(self.target, number)) is not None:
            record = parse_record(data, number)
            if record.previous != previous:
                raise tampered(number, "does not follow the record before it")
            yield record
            previous, number = sha256_digest(data), number + 1

    def append(
        self,
        kind: Kind,
        body: JsonObject,
        *,
        unless: Callable[[list[Record]], None] = lambda _: None,
    ) -> Record:
        """Append one record, durably.

        Args:
            unless: called with the chain before each try; it raises to refuse the append. A number
                is taken by one writer only, so what it checked still holds as the record lands.

        Raises:
            LedgerTampered: the chain does not verify.
        """
        for _ in range(APPEND_TRIES):
            records = self.records()
            unless(records)
            record = self._next(records, kind, body)
            if self.store.create(self.target, record.number, record.data):
                self._records.append(record)
                return record
        raise tampered(len(self._records) + 1, "can be neither read nor created")

    def _next(self, records: list[Record], kind: Kind, body: JsonObject) -> Record:
        return Record(
            number=len(records) + 1,
            previous=records[-1].digest if records else genesis(self.target),
            time=timestamp(self.clock()),
            actor=self.actor,
            kind=kind,
            body=body,
        )
