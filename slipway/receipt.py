"""Receipts: a signed statement for each deployment, verifiable without Slipway's ledger or server.

An in-toto statement about the candidate and its images (predicate type `urn:slipway:deployment:v1`)
in a DSSE envelope, signed by the deployer's key and kept in the ledger's evidence by its digest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import Field, ValidationError

from slipway.approval import Decision
from slipway.canonical import sha256_digest
from slipway.claim import OpenClaim
from slipway.dsse import IN_TOTO, own_key, seal, unseal
from slipway.errors import BadInput, ReceiptMissing, SignatureRefused
from slipway.ledger import Kind, Ledger, LedgerStore, Record
from slipway.names import Digest, Name, ReferenceText, parse_reference, short_digest
from slipway.opening import Order
from slipway.platform import Stage
from slipway.release import Frozen, ReleaseSpec, Target, parse_spec
from slipway.statement import Statement, parse_statement, subject

DEPLOYMENT_TYPE = "urn:slipway:deployment:v1"
PROVING = (Stage.VERIFY, Stage.ANALYSE)


class SignedApproval(Frozen):
    """Who approved, with which key, in which record; or who broke the glass of the gate."""

    approver: str
    fingerprint: str
    record: int
    decision: str = Decision.APPROVE


class Deployment(Frozen):
    """The predicate: what was done, on whose word, and where the ledger says so.

    Attributes:
        before: spec id that served until then, None for a first release.
        after: spec id that serves now.
        admitted: facts that let it in: scan verdicts, provenance, promotion.
        verification: what the verifying steps observed.
        record: number of the ledger record `verified`, and its hash.
    """

    app: Name
    environment: Name
    candidate: ReferenceText
    before: str | None
    after: str
    plan_hash: str | None
    requested_by: str
    approvals: tuple[SignedApproval, ...]
    admitted: tuple[str, ...]
    verification: tuple[dict[str, Any], ...]
    claim: int
    record: int
    record_digest: Digest
    actor: str
    time: str
    schema_version: int = Field(default=1, ge=1)

    @property
    def target(self) -> Target:
        """The environment that the receipt is for."""
        return Target(app=self.app, environment=self.environment)


def deployment(claim: OpenClaim, verified: Record, records: Sequence[Record]) -> Statement:
    """The statement about a verified release. Pure.

    Args:
        records: the chain, from its first record.
    """
    spec = parse_spec(verified.body["spec"])
    predicate = Deployment(
        app=spec.target.app,
        environment=spec.target.environment,
        candidate=verified.body["candidate"],
        before=claim.body.get("previous"),
        after=spec.id,
        plan_hash=claim.body.get("plan_hash"),
        requested_by=claim.body["requested_by"],
        approvals=_approvals(claim, records),
        admitted=tuple(claim.body.get("facts", [])),
        verification=_verification(records[claim.opened : verified.number]),
        claim=claim.opened,
        record=verified.number,
        record_digest=verified.digest,
        actor=verified.actor,
        time=verified.time,
    )
    subjects = _subjects(verified.body["candidate"], spec)
    return Statement(subjects, DEPLOYMENT_TYPE, predicate.model_dump(mode="json"))


def _subjects(candidate: str, spec: ReleaseSpec) -> dict[str, str]:
    found = subject(parse_reference(candidate))
    for service in spec.services:
        found |= subject(parse_reference(service.image))
    return found


def _approvals(claim: OpenClaim, records: Sequence[Record]) -> tuple[SignedApproval, ...]:
    bodies = [(number, records[number - 1].body) for number in claim.body.get("approvals", [])]
    return tuple(
        SignedApproval(
            approver=body["approver"],
            fingerprint=body["fingerprint"],
            record=number,
            decision=body.get("decision", Decision.APPROVE),
        )
        for number, body in bodies
    )


def _verification(records: Sequence[Record]) -> tuple[dict[str, Any], ...]:
    return tuple(
        {"step": record.body["step"], "record": record.number, **_seen(record)}
        for record in records
        if record.kind is Kind.OBSERVED and record.body.get("stage") in PROVING
    )


def _seen(record: Record) -> dict[str, Any]:
    return {"observation": record.body.get("observation")}


def verify_receipt(data: bytes, keys: Sequence[Ed25519PublicKey]) -> Deployment:
    """What a receipt says, from its bytes and the deployer's public keys alone.

    Raises:
        SignatureRefused: not signed by one of the keys, or not about what it claims.
    """
    try:
        statement = parse_statement(unseal(data, IN_TOTO, keys))
        said = Deployment.model_validate(statement.predicate)
    except (BadInput, ValidationError) as error:
        raise SignatureRefused("the envelope holds no receipt of a deployment") from error
    about = subject(parse_reference(said.candidate)).items()
    if statement.predicate_type != DEPLOYMENT_TYPE or not about <= statement.subjects.items():
        raise SignatureRefused(
            "the receipt is not about the candidate that it names",
            found=ascii(statement.predicate_type[:80]),
            allowed=DEPLOYMENT_TYPE,
        )
    return said


@dataclass(frozen=True, slots=True)
class Receipts:
    """Writes receipts as `Tools.receipt` does.

    Attributes:
        key: file of the deployer's key, made at first use.
    """

    ledger: Ledger
    key: Path

    def __call__(self, claim: OpenClaim, verified: Record, records: Sequence[Record]) -> str:
        """Sign and keep the receipt of a verified release; its digest.

        Raises:
            BadInput, Unreachable: the key or the store cannot be used.
        """
        payload = deployment(claim, verified, records).payload()
        data = seal(payload, IN_TOTO, own_key(self.key))
        return self.ledger.store.keep_evidence(self.ledger.target, data)


@dataclass(frozen=True, slots=True)
class ReceiptDemand:
    """Demands the receipt of the environment before, as `Admission.receipts` does.

    Attributes:
        keys: reads the public keys of the deployers that count, at last use.
    """

    store: LedgerStore
    keys: Callable[[], Sequence[Ed25519PublicKey]]

    def __call__(self, order: Order, before: Target) -> list[str]:
        """The fact that the receipt proves.

        Raises:
            ReceiptMissing: there is none for this candidate, or it is gone.
            SignatureRefused: it does not verify, or says something else than the ledger.
        """
        records = Ledger(self.store, before, "reader").records()
        digest = receipt_of(order.candidate, records)
        data = self.store.read_evidence(before, digest) if digest else None
        if digest is None or data is None:
            raise _missing(order.candidate, before, digest)
        said = verify_receipt(data, self.keys())
        if sha256_digest(data) != digest or not _agrees(said, order.candidate, before, records):
            raise SignatureRefused(
                f"the receipt of {before} does not agree with its ledger",
                found=f"{said.target}, record {said.record}, {said.candidate}",
                allowed=f"{before}, {order.candidate}",
                next_step=f"slipway audit verify {before.app} {before.environment}",
            )
        return [f"receipt {short_digest(digest)} of {before}, record {said.record}, verifies"]


def receipt_of(candidate: str, records: Sequence[Record]) -> str | None:
    """Digest of the newest receipt for a candidate, by its digest; None where there is none."""
    wanted, verified, found = candidate.rpartition("@")[2], "", None
    for record in records:
        if record.kind is Kind.VERIFIED:
            verified = str(record.body["candidate"]).rpartition("@")[2]
        elif record.kind is Kind.CLOSED and verified == wanted:
            found = record.body.get("receipt") or found
    return found


def _agrees(said: Deployment, candidate: str, target: Target, records: Sequence[Record]) -> bool:
    same = said.candidate.rpartition("@")[2] == candidate.rpartition("@")[2]
    known = said.record <= len(records) and records[said.record - 1].digest == said.record_digest
    return same and known and said.target == target


def _missing(candidate: str, before: Target, digest: str | None) -> ReceiptMissing:
    return ReceiptMissing(
        f"{before} has no receipt for candidate {candidate}",
        found=f"no evidence {digest}" if digest else "no release of it was closed with one",
        allowed=f"a candidate that {before.environment} released, with its signed receipt",
        next_step=f"release it to {before.environment} first",
    )
