"""Approvals: a gate opens by signatures over exactly what was planned.

An approver signs a statement with an SSH key; anybody can carry the result. What counts is decided
from the statement, the allowed-signers file and the ledger, never from who handed it over:

    slipway-approval-v1.<base64url statement>.<base64url SSH signature>
"""

import base64
import json
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, NoReturn, Self

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, model_validator

from slipway import sshsig
from slipway.canonical import canonical_json
from slipway.errors import BadInput, SignatureRefused
from slipway.names import Actor, Digest, Name
from slipway.release import Frozen
from slipway.signers import namespace, read_signers

PREFIX = "slipway-approval-v1"
LONGEST_TEXT = 16_384
LONGEST_REASON = 300
_ARMOR = re.compile(PREFIX + r"\.(?P<statement>[A-Za-z0-9_-]+)\.(?P<signature>[A-Za-z0-9_-]+)")
_NONCE = re.compile(r"[0-9a-f]{32}")


class Decision(StrEnum):
    """What the approver says."""

    APPROVE = "approve"
    DENY = "deny"
    BREAK_GLASS = "break-glass"  # opens the gate alone; by a role of its own, with a reason


def _digest_of(candidate: object) -> object:
    """A candidate is its digest; the registry that it was read from may differ."""
    return candidate.rpartition("@")[2] if isinstance(candidate, str) else candidate


def _whole_seconds(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


def _check_nonce(value: str) -> str:
    if not _NONCE.fullmatch(value):
        raise BadInput("nonce is not valid", allowed="32 lower case hex digits")
    return value


def _check_reason(value: str) -> str:
    if not value.strip() or not value.isprintable() or len(value) > LONGEST_REASON:
        raise BadInput(
            "reason is not valid",
            found=ascii(value[:80]),
            allowed=f"one line of at most {LONGEST_REASON} characters",
        )
    return value


CandidateDigest = Annotated[Digest, BeforeValidator(_digest_of)]
Moment = Annotated[AwareDatetime, AfterValidator(_whole_seconds)]


class ApprovalRequest(Frozen):
    """What a gate waits for.

    Attributes:
        candidate: digest, or the whole reference, of the candidate.
        requested_by: who asked for the release; never approves it.
        author: who wrote the source, as git says it; never approves it. None where unknown.
        requested_at: when the gate began to wait.
        gate: approvals that the candidate's own app file asks for.
        changes: what the plan changes, one field a line, for the eyes of the approver.
    """

    candidate: CandidateDigest
    app: Name
    environment: Name
    plan_hash: Digest
    requested_by: str
    requested_at: Moment
    author: str | None = None
    gate: int = 1
    changes: tuple[str, ...] = ()


class Statement(Frozen):
    """What is signed, as canonical JSON.

    Attributes:
        reason: why the glass is broken; None for any other decision, and then not part of the JSON.
    """

    type: Literal["slipway.approval.v1"] = "slipway.approval.v1"
    candidate: CandidateDigest
    app: Name
    environment: Name
    plan: Digest
    decision: Decision
    approver: Actor
    expires: Moment
    reason: Annotated[str, AfterValidator(_check_reason)] | None = None
    nonce: Annotated[str, AfterValidator(_check_nonce)] = Field(
        default_factory=lambda: secrets.token_hex(16)
    )

    @model_validator(mode="after")
    def _reason_where_glass_breaks(self) -> Self:
        if (self.reason is not None) != (self.decision is Decision.BREAK_GLASS):
            raise BadInput("a reason belongs to a broken glass, and to that alone")
        return self

    @property
    def data(self) -> bytes:
        """The bytes that are signed."""
        return canonical_json(self.model_dump(mode="json", exclude_none=True))

    @property
    def role(self) -> str:
        """The SSH namespace that the key must be enrolled for."""
        breaks_glass = self.decision is Decision.BREAK_GLASS
        return namespace(self.environment, breaks_glass=breaks_glass)


@dataclass(frozen=True, slots=True)
class Approval:
    """A statement whose signature was verified.

    Attributes:
        fingerprint: of the key that signed.
        principals: everybody whom that key is enrolled for.
        recorded: when the ledger took it; when it was verified where it is new.
        text: the armored form, for the ledger.
        number: of its record; 0 where it is new.
    """

    statement: Statement
    fingerprint: str
    principals: frozenset[str]
    recorded: datetime
    text: str
    number: int = 0


def sign_statement(statement: Statement, key: Path) -> str:
    """Sign with an SSH key, in a file or held by the agent; the armored form.

    Raises:
        BadInput, Unreachable: as `sshsig.sign`.
    """
    signature = sshsig.sign(statement.data, key, statement.role)
    return armor(statement, signature)


def verify_approval(text: str, signers: Path, at: datetime) -> Approval:
    """An approval out of its armored form, checked against the allowed-signers file as of `at`.

    Raises:
        SignatureRefused: malformed, by no enrolled key, by a key without the environment's role, or
            over other bytes.
        BadInput: the allowed-signers file is malformed.
        Unreachable: the file or ssh-keygen is missing.
    """
    statement, signature = open_armor(text)
    read_signers(signers)
    allowed = sshsig.AllowedSigners(signers, at)
    enrolled = allowed.principals(signature)
    who, key = statement.approver, sshsig.fingerprint(signature)
    if not enrolled:
        _refuse(f"key {key} is not enrolled, or no longer valid", f"signed as {who}")
    if who not in enrolled:
        _refuse(
            f"key {key} is not enrolled for {who}", "enrolled for " + ", ".join(sorted(enrolled))
        )
    role = statement.role
    if not allowed.verifies(statement.data, signature, who, role):
        _refuse(
            f"the signature by {who} does not hold for {statement.environment}",
            f"key {key} lacks the role {role}, or the statement was changed after signing",
        )
    return Approval(statement, key, enrolled, at, armor(statement, signature))


def open_armor(text: str) -> tuple[Statement, bytes]:
    """Statement and binary signature out of the armored form, which proves nothing yet.

    Raises:
        SignatureRefused: the text is not in that form, or the statement not canonical.
    """
    compact = "".join(text.split()) if len(text) <= LONGEST_TEXT else ""
    shape = _ARMOR.fullmatch(compact)
    try:
        statement = _read_statement(_decode(shape["statement"])) if shape else None
        signature = _decode(shape["signature"]) if shape else b""
    except (ValueError, RecursionError):
        statement, signature = None, b""
    if statement is None or armor(statement, signature) != compact:
        raise SignatureRefused(
            "the approval cannot be read",
            found=ascii(text[:40]),
            allowed=f"{PREFIX}.STATEMENT.SIGNATURE, at most {LONGEST_TEXT} characters",
            next_step="paste the whole line that `slipway approve` printed",
        )
    sshsig.fingerprint(signature)
    return statement, signature


def _read_statement(data: bytes) -> Statement | None:
    statement = Statement.model_validate(json.loads(data))
    return statement if statement.data == data else None


def armor(statement: Statement, signature: bytes) -> str:
    """The one-line form, to paste into a form or to store."""
    return ".".join((PREFIX, _encode(statement.data), _encode(signature)))


def _refuse(message: str, found: str) -> NoReturn:
    raise SignatureRefused(
        message,
        found=found,
        next_step="enrol the key with that environment's role (docs/approvals.md), then sign again",
    )


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
