"""Signed checkpoints: how far a chain had come, kept where the ledger's writer cannot reach.

A chain alone cannot tell that its end was cut off. A checkpoint names a record's number and hash,
signed with Ed25519 in a DSSE envelope, in a store of the ledger's own kind on another disk, host or
bucket.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import ValidationError

from slipway.canonical import canonical_json
from slipway.dsse import own_key, seal, unseal
from slipway.errors import SignatureRefused, SlipwayError
from slipway.ledger import Ledger, LedgerStore, Record, timestamp, utc_now
from slipway.names import Digest
from slipway.release import Frozen, Target

CHECKPOINT_TYPE = "application/vnd.slipway.checkpoint.v1+json"


class Checkpoint(Frozen):
    """What was true of a chain at a time: `head` is the hash of record `number`."""

    target: Target
    number: int
    head: Digest
    time: str


def checkpoint_of(target: Target, record: Record, time: str) -> Checkpoint:
    """The checkpoint that names this record as the newest."""
    return Checkpoint(target=target, number=record.number, head=record.digest, time=time)


def sign_checkpoint(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> bytes:
    """The envelope's bytes."""
    return seal(canonical_json(checkpoint.model_dump(mode="json")), CHECKPOINT_TYPE, key)


def open_checkpoint(
    data: bytes, target: Target, number: int, keys: Sequence[Ed25519PublicKey]
) -> Checkpoint:
    """A checkpoint out of its envelope.

    Raises:
        SignatureRefused: not signed by one of the keys, or for another target or record.
    """
    try:
        checkpoint = Checkpoint.model_validate(json.loads(unseal(data, CHECKPOINT_TYPE, keys)))
    except (ValueError, ValidationError) as error:
        raise SignatureRefused(f"checkpoint {number} of {target} holds no checkpoint") from error
    if (checkpoint.target, checkpoint.number) != (target, number):
        raise SignatureRefused(
            f"checkpoint {number} of {target} is a copy of another",
            found=f"number {checkpoint.number} of {checkpoint.target}",
        )
    return checkpoint


def read_checkpoints(
    store: LedgerStore, target: Target, keys: Sequence[Ed25519PublicKey]
) -> tuple[list[Checkpoint], list[str]]:
    """Every checkpoint that verifies, ascending, and why others do not."""
    good: list[Checkpoint] = []
    bad: list[str] = []
    for number in store.numbers(target):
        try:
            data = store.read(target, number) or b""
            good.append(open_checkpoint(data, target, number, keys))
        except SignatureRefused as error:
            bad.append(f"checkpoint {number}: {error}")
    return good, bad


@dataclass(frozen=True, slots=True)
class Witness:
    """Writes a checkpoint for each record it is called with, as `Tools.after_close` is.

    What happened stays true where a checkpoint cannot be written; the operator is told.

    Attributes:
        elsewhere: the store of checkpoints.
        key: file of the signing key, made at first use.
    """

    target: Target
    elsewhere: LedgerStore
    key: Path
    note: Callable[[str], None] = field(default=lambda line: None)

    def __call__(self, record: Record) -> None:
        """Write the checkpoint that names the record."""
        try:
            checkpoint = checkpoint_of(self.target, record, timestamp(utc_now()))
            data = sign_checkpoint(checkpoint, own_key(self.key))
            self.elsewhere.create(self.target, record.number, data)
        except SlipwayError as error:
            self.note(f"no checkpoint for record {record.number}: {error}")


def checkpoint_now(ledger: Ledger, witness: Witness) -> int:
    """Write a checkpoint of the newest record; its number, 0 for an empty chain.

    Raises:
        LedgerTampered: the chain does not verify.
    """
    records = ledger.records()
    if records:
        witness(records[-1])
    return len(records)
