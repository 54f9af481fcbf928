"""What opens a claim: the order, the opening record's body, and who may not claim."""

from typing import Any

from slipway.approval import Decision
from slipway.canonical import content_digest
from slipway.claim import Goal, OpenClaim, open_claim
from slipway.errors import ApprovalRefused, Busy, Final, SlipwayError
from slipway.explanations import explain
from slipway.history import GoodRelease, claim_with_key, left_behind
from slipway.ledger import Kind, Record
from slipway.names import Actor, ReferenceText
from slipway.plan import Plan
from slipway.platform import Stage
from slipway.release import Frozen, ReleaseSpec


class Order(Frozen):
    """What is asked of the engine.

    Attributes:
        requested_by: who asks; may approve nothing of it.
        key: idempotency key of the trigger, if it has one.
        again: deploy a quarantined candidate all the same; pardons it, on record.
        allow_downgrade: deploy a candidate that is older than what serves, on record.
    """

    candidate: ReferenceText
    spec: ReleaseSpec
    requested_by: Actor
    key: str | None = None
    again: bool = False
    allow_downgrade: bool = False

    @property
    def contents(self) -> str:
        """What makes two triggers the same release."""
        return content_digest({"candidate": self.candidate, "spec": self.spec.id})


class Admitted(Frozen):
    """What let an order in.

    Attributes:
        facts: the proofs, one a line.
        built: when its signed build began, RFC 3339; None where nothing signed says so.
    """

    facts: tuple[str, ...] = ()
    built: str | None = None


def claim_body(
    goal: Goal,
    candidate: str,
    spec: ReleaseSpec,
    previous: GoodRelease | None,
    requested_by: str,
) -> dict[str, Any]:
    """The part that every claim has."""
    return {
        "target": str(spec.target),
        "goal": str(goal),
        "candidate": candidate,
        "spec": spec.model_dump(mode="json"),
        "previous": previous.spec.id if previous else None,
        "requested_by": requested_by,
    }


def deploy_body(
    order: Order,
    plan: Plan,
    previous: GoodRelease | None,
    admitted: Admitted,
    approvals: list[int],
) -> dict[str, Any]:
    """A deploy's claim: with the plan, what admitted it and who approved it."""
    return {
        **claim_body(Goal.DEPLOY, order.candidate, order.spec, previous, order.requested_by),
        "plan_hash": plan.hash,
        "changes": [change.model_dump() for change in plan.changes],
        "facts": list(admitted.facts),
        "built": admitted.built,
        "approvals": approvals,
        "key": order.key,
        "contents": order.contents,
        "allow_downgrade": order.allow_downgrade,
    }


def rollback_body(
    goal: GoodRelease, records: list[Record], requested_by: str, reason: str, key: str | None
) -> dict[str, Any]:
    """A rollback's claim: with what it leaves and why."""
    left = left_behind(records)
    leaves = left if left and left.candidate != goal.candidate else None
    return {
        **claim_body(Goal.ROLLBACK, goal.candidate, goal.spec, left, requested_by),
        "reason": reason,
        "key": key,
        "leaving": left.spec.id if left else None,
        "leaving_candidate": leaves.candidate if leaves else None,
    }


def refusal_body(order: Order, refusal: SlipwayError) -> dict[str, Any]:
    """What is on record of an order that was refused before it claimed anything."""
    explanation = explain(refusal, str(Stage.ADMIT), order.spec.target)
    return {
        "candidate": order.candidate,
        "requested_by": order.requested_by,
        "explanation": explanation.model_dump(mode="json"),
    }


def is_same(order: Order, claim: OpenClaim) -> bool:
    """Whether the claim carries out what is ordered."""
    return bool(claim.body.get("contents") == order.contents)


class SameRelease(Final):
    """Another trigger carries out the same release."""


class LedgerMoved(Final):
    """A claim was closed since the plan was made."""


def refuse_moved(order: Order, plan: Plan, head: int, records: list[Record]) -> None:
    """Refuse a deploy's claim while another holds, or once the ledger moved past its plan.

    Args:
        head: how many records there were when the plan was made.

    Raises:
        SameRelease, LedgerMoved, Busy, KeyReused, ApprovalRefused: why the claim may not be opened.
    """
    if order.key:
        claim_with_key(records, order.key, order.contents)
    claim = open_claim(records)
    if claim and is_same(order, claim):
        raise SameRelease("the same release is under way")
    refuse_busy(Goal.DEPLOY, records)
    refuse_denied(plan, records[head:])
    if any(record.kind is Kind.CLOSED for record in records[head:]):
        raise LedgerMoved("a claim was closed since the plan was made")


def refuse_denied(plan: Plan, since: list[Record]) -> None:
    """A denial that came in after the gate opened, and before the claim, still counts.

    Raises:
        ApprovalRefused: one is on record; whose signature is not asked again, to fail closed.
    """
    for record in since:
        body = record.body
        denies = record.kind is Kind.APPROVAL and body.get("decision") == Decision.DENY
        if denies and body.get("plan") == plan.hash:
            raise ApprovalRefused(
                "the plan was denied while its release was about to start",
                found=f"record {record.number}, by {body.get('approver')}",
                next_step="talk to them; a new release needs a new request",
            )


def refuse_busy(goal: Goal, records: list[Record]) -> None:
    """Raises Busy unless nothing holds the environment or the goal outranks what does."""
    claim = open_claim(records)
    if claim and not (goal is Goal.ROLLBACK and claim.goal is not Goal.ROLLBACK):
        raise busy(claim)


def busy(claim: OpenClaim) -> Busy:
    """The error for an environment that this claim holds."""
    app, _, environment = str(claim.body["target"]).partition("/")
    return Busy(
        f"{app}/{environment} is held by {claim.goal} {claim.token}",
        found=f"candidate {claim.body.get('candidate')}",
        next_step=f"wait for it, or: slipway rollback {app} {environment}",
    )
