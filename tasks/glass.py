"""A gate whose glass is broken: signed elsewhere, carried in by a run, shown where people look."""

from prefect.artifacts import acreate_markdown_artifact

from slipway import markdown
from slipway.approval import Decision, open_armor
from slipway.errors import BadInput
from slipway.gatekeeper import Gatekeeper, hand_in
from slipway.ledger import Ledger
from slipway.plan import Plan
from tasks.notes import note
from tasks.runs import tag_broken_glass
from tasks.server import best_effort


def hand_in_glass(keeper: Gatekeeper, text: str, plan: Plan) -> None:
    """Record the signed statement that a run was given.

    Raises:
        BadInput: it breaks no glass. SignatureRefused, ApprovalRefused: as `hand_in`.
    """
    statement, _ = open_armor(text)
    if statement.decision is not Decision.BREAK_GLASS:
        raise BadInput(
            "the run was given no broken glass",
            found=f"{statement.decision} by {statement.approver}",
            allowed="what `slipway approve --break-glass REASON --print` printed",
            next_step="hand approvals in at the gate",
        )
    keeper.request(plan)
    hand_in(keeper.ledger, text, keeper.signers)


async def tell_of_glass(ledger: Ledger, numbers: list[int], plan: Plan) -> None:
    """Tag the run and show an artifact, where one of these records broke the glass."""
    records = ledger.records()
    for body in (records[number - 1].body for number in numbers):
        if body.get("decision") == Decision.BREAK_GLASS:
            note(f"GLASS BROKEN by {body['approver']}: {body['reason']}")
            await tag_broken_glass()
            await _publish(plan, str(body["approver"]), str(body["reason"]))


async def _publish(plan: Plan, who: str, reason: str) -> None:
    key = markdown.artifact_key("break-glass", plan.spec.target)
    about = "Releases that a person let in past the gate"
    async with best_effort("break-glass artifact"):
        text = markdown.broken_glass(plan, who, reason)
        await acreate_markdown_artifact(key=key, markdown=text, description=about)
