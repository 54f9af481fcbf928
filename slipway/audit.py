"""Is the ledger what was written? Names the first record that is not.

Works on stored bytes, so a file that cannot be parsed is named as well. A record is vouched for by
the one after it, which carries its hash, and by a checkpoint that names it; the last record of a
chain without a checkpoint is vouched for by nothing, which the audit says.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from slipway.canonical import sha256_digest
from slipway.checkpoint import Checkpoint, open_checkpoint, read_checkpoints
from slipway.errors import LedgerTampered
from slipway.ledger import Ledger, LedgerStore, Record, genesis, parse_record
from slipway.release import Frozen, Target

LINES = 10


class BadRecord(Frozen):
    """A record that is not what was written, and how that shows."""

    number: int
    why: str

    def __str__(self) -> str:
        return f"record {self.number} {self.why}"


class Audit(Frozen):
    """What the audit of one chain found.

    Attributes:
        records: how many are stored.
        head: hash of the last one, None for an empty chain.
        checkpoint: number of the newest record that a checkpoint vouches for, 0 for none.
        bad: ascending; the first is the one to look at.
        bad_checkpoints: those that do not verify, and why.
    """

    target: Target
    records: int
    head: str | None
    checkpoint: int
    bad: tuple[BadRecord, ...] = ()
    bad_checkpoints: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether nothing bad was found."""
        return not self.bad and not self.bad_checkpoints

    @property
    def open_end(self) -> int:
        """How many of the last records no checkpoint vouches for yet."""
        return max(0, self.records - self.checkpoint)


def audit_ledger(
    store: LedgerStore,
    target: Target,
    checkpoints: LedgerStore,
    keys: Sequence[Ed25519PublicKey],
) -> Audit:
    """Audit one chain against the checkpoints that one of the keys signed.

    Raises:
        Unreachable: a store cannot be read.
    """
    data = _stored(store, target)
    good, bad = read_checkpoints(checkpoints, target, keys)
    audit = audit_chain(target, data, good)
    if audit.bad:
        audit = audit_chain(target, data, good, _origins(store, target))
    return audit.model_copy(update={"bad_checkpoints": tuple(bad)})


def audit_chain(
    target: Target,
    data: Mapping[int, bytes],
    checkpoints: Sequence[Checkpoint] = (),
    origins: Mapping[str, str] | None = None,
) -> Audit:
    """Audit stored bytes by record number. Pure.

    Args:
        origins: hash of every record of other chains, to where it belongs.
    """
    chain = _Chain(target, data, {point.number: point.head for point in checkpoints}, origins or {})
    bad = sorted({item.number: item for item in chain.bad_records()}.items())
    return Audit(
        target=target,
        records=len(data),
        head=chain.digest(max(data)) if data else None,
        checkpoint=max(filter(chain.vouched, chain.heads), default=0),
        bad=tuple(item for _, item in bad),
    )


def require_sound(audit: Audit) -> None:
    """Raises LedgerTampered unless nothing bad was found; names the first bad record."""
    if audit.is_sound:
        return
    lines = [*(str(item) for item in audit.bad), *audit.bad_checkpoints]
    more = [f"and {len(lines) - LINES} more"] if len(lines) > LINES else []
    raise LedgerTampered(
        f"the ledger of {audit.target} is not what was written: {lines[0]}",
        evidence=lines[:LINES] + more,
        next_step="stop releasing to it; compare with a copy of the ledger from before",
    )


def hold_to_checkpoint(
    ledger: Ledger, checkpoints: LedgerStore, keys: Sequence[Ed25519PublicKey]
) -> list[str]:
    """Hold a chain to its newest checkpoint before it is built upon; the fact that this proves.

    Raises:
        LedgerTampered: the chain is shorter, or another one, than the checkpoint says.
        SignatureRefused: the checkpoint is not signed by one of the keys.
        Unreachable: a store cannot be read.
    """
    numbers, records = checkpoints.numbers(ledger.target), ledger.records()
    if not numbers:
        return ["no checkpoint of the ledger yet"]
    newest = numbers[-1]
    data = checkpoints.read(ledger.target, newest) or b""
    head = open_checkpoint(data, ledger.target, newest, keys).head
    if newest > len(records) or records[newest - 1].digest != head:
        raise LedgerTampered(
            f"the ledger of {ledger.target} is not the one that checkpoint {newest} names",
            found=f"{len(records)} records that follow one another",
            allowed=f"record {newest} with hash {head}",
            next_step=f"slipway audit verify {ledger.target.app} {ledger.target.environment}",
        )
    return [f"ledger agrees with checkpoint {newest}"]


@dataclass(frozen=True)
class _Chain:
    """A chain as stored. `heads`: what checkpoints say of a record, by its number."""

    target: Target
    data: Mapping[int, bytes]
    heads: Mapping[int, str]
    origins: Mapping[str, str]
    parsed: dict[int, Record] = field(default_factory=dict)

    def digest(self, number: int) -> str | None:
        stored = self.data.get(number)
        return None if stored is None else sha256_digest(stored)

    def bad_records(self) -> list[BadRecord]:
        """Missing and malformed ones, then broken links, then what only checkpoints tell."""
        bad = list(self._malformed())
        known = {item.number for item in bad}
        bad += [item for item in self._broken_links(known) if item.number not in known]
        known = {item.number for item in bad}
        return bad + list(self._rewritten(known))

    def _malformed(self) -> Iterator[BadRecord]:
        yield from self._gaps()
        for number in sorted(self.data):
            try:
                self.parsed[number] = parse_record(self.data[number], number)
            except LedgerTampered as error:
                why = error.message.removeprefix(f"ledger record {number} ")
                yield BadRecord(number=number, why=why + self._origin(number))

    def _gaps(self) -> Iterator[BadRecord]:
        """One for each run of missing records, by its first."""
        present = [0, *sorted(self.data)]
        end = max([0, *self.heads]) + 1
        for before, after in zip(present, [*present[1:], max(end, present[-1] + 1)], strict=True):
            if after == before + 1:
                continue
            more = f", as are those up to {after - 1}" if after > before + 2 else ""
            cut = f"; the chain was cut after record {before}" if after == end else ""
            yield BadRecord(number=before + 1, why=f"is missing{more}{cut}")

    def _broken_links(self, known: set[int]) -> Iterator[BadRecord]:
        for number in self.parsed:
            if self._follows(number) is False and number - 1 not in known:
                yield self._blame(number)

    def _follows(self, number: int) -> bool | None:
        """Whether the record carries the hash of the one before; None where either is missing."""
        before = genesis(self.target) if number == 1 else self.digest(number - 1)
        record = self.parsed.get(number)
        return record.previous == before if record and before else None

    def _blame(self, number: int) -> BadRecord:
        """Which side of a broken link was changed."""
        if number == 1:
            why = f"does not begin the chain of {self.target}"
            return BadRecord(number=1, why=why + self._origin(1))
        if self.vouched(number) is not True and (
            self.vouched(number - 1)
            or self.vouched(number) is False
            or self.digest(number) in self.origins
            or self._follows(number + 1) is False
        ):
            why = f"does not follow record {number - 1}"
            return BadRecord(number=number, why=why + self._origin(number))
        why = f"was changed: record {number} carries another hash of it"
        return BadRecord(number=number - 1, why=why + self._origin(number - 1))

    def vouched(self, number: int) -> bool | None:
        """What a checkpoint says of the record; None where there is none."""
        head = self.heads.get(number)
        return None if head is None else head == self.digest(number)

    def _rewritten(self, known: set[int]) -> Iterator[BadRecord]:
        good = 0
        for number in sorted(self.heads):
            explained = any(good < other <= number for other in known)
            if self.vouched(number):
                good = number
            elif number in self.data and not explained:
                since = f", or one since record {good}," if number > good + 1 else ""
                why = f"is not the one that its checkpoint names: it{since} was rewritten"
                yield BadRecord(number=number, why=why + self._origin(number))

    def _origin(self, number: int) -> str:
        where = self.origins.get(self.digest(number) or "")
        return f"; it is a copy of {where}" if where else ""


def _stored(store: LedgerStore, target: Target) -> dict[int, bytes]:
    found = {number: store.read(target, number) for number in store.numbers(target)}
    return {number: data for number, data in found.items() if data is not None}


def _origins(store: LedgerStore, target: Target) -> dict[str, str]:
    others = [other for other in store.targets() if other != target]
    return {
        sha256_digest(data): f"record {number} of {other}"
        for other in others
        for number, data in _stored(store, other).items()
    }
