"""Requests and approvals as records of the ledger.

Bodies: `requested` holds an ApprovalRequest; `approval` holds the armored text and, for readers,
what it says; a claim lists in `approvals` the nonces that it used up.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from slipway.approval import Approval, ApprovalRequest, verify_approval
from slipway.canonical import JsonObject
from slipway.errors import ApprovalRefused, BadInput, SignatureRefused
from slipway.ledger import Kind, Record


def request_body(request: ApprovalRequest) -> JsonObject:
    """Body of a `requested` record."""
    return request.model_dump(mode="json")


def approval_body(approval: Approval) -> JsonObject:
    """Body of an `approval` record; only `text` is evidence."""
    return {
        **approval.statement.model_dump(mode="json", exclude={"type"}),
        "fingerprint": approval.fingerprint,
        "text": approval.text,
    }


def last_request(records: Iterable[Record], plan_hash: str | None = None) -> ApprovalRequest:
    """The newest request, of that plan where one is given.

    Raises:
        BadInput: no gate waits for it, or its record cannot be read.
    """
    bodies = [record.body for record in records if record.kind is Kind.REQUESTED]
    bodies = [body for body in bodies if plan_hash in (None, body.get("plan_hash"))]
    if not bodies:
        raise BadInput(
            "no gate waits for an approval" + (f" of plan {plan_hash}" if plan_hash else ""),
            next_step="start the release; its gate asks for the approval",
        )
    try:
        return ApprovalRequest.model_validate(bodies[-1])
    except ValidationError as error:
        raise BadInput(
            "the request in the ledger cannot be read", next_step="slipway audit verify"
        ) from error


def refuse_replay(records: Iterable[Record], approval: Approval) -> None:
    """For `Ledger.append(unless=...)`: each approval enters the ledger once.

    Raises:
        ApprovalRefused: the nonce is there already.
    """
    nonce = approval.statement.nonce
    for record in records:
        if record.kind is Kind.APPROVAL and record.body.get("nonce") == nonce:
            raise ApprovalRefused(
                f"the approval by {approval.statement.approver} was handed in before",
                found=f"its nonce in record {record.number}",
                allowed="each signature once",
                next_step="sign again: slipway approve",
            )


def recorded_approvals(
    records: Iterable[Record], signers: Path, now: datetime
) -> tuple[list[Approval], list[str]]:
    """Every recorded approval that verifies now, in order, and why the others do not.

    The signatures are verified again, since a record proves only that somebody wrote it.

    Raises:
        BadInput, Unreachable: the allowed-signers file cannot be used.
    """
    approvals: list[Approval] = []
    rejected: list[str] = []
    for record in records:
        if record.kind is not Kind.APPROVAL:
            continue
        recorded = datetime.fromisoformat(record.time)
        try:
            text = str(record.body.get("text"))
            approvals.append(verify_approval(text, signers, now, recorded))
        except SignatureRefused as error:
            rejected.append(f"record {record.number}: {error}")
    return approvals, rejected


def spent_nonces(records: Sequence[Record]) -> frozenset[str]:
    """Nonces that opened a gate before."""
    claims = (record for record in records if record.kind is Kind.CLAIM)
    return frozenset(nonce for claim in claims for nonce in claim.body.get("approvals", []))
