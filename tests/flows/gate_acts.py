"""What people and impostors do at a gate, for the tests of it."""

import asyncio
import time
from datetime import timedelta

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import OrchestrationResult

from slipway.approval import ApprovalRequest, Decision, Statement
from slipway.gatekeeper import last_request
from slipway.ledger import Ledger

PAUSED = FlowRunFilter.model_validate({"state": {"type": {"any_": ["PAUSED"]}}})


async def request_in(ledger: Ledger, often: float = 0.05) -> ApprovalRequest:
    """The request of the gate, once it waits."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if request := last_request(ledger.records()):
            return request
        await asyncio.sleep(often)
    raise AssertionError("no gate waits")


async def paused_run(tag: str) -> FlowRun:
    """The run that waits with a form."""
    async with get_client() as client:
        for _ in range(200):
            runs = await client.read_flow_runs(flow_run_filter=PAUSED)
            found = [run for run in runs if tag in run.tags]
            if found:
                return found[0]
            await asyncio.sleep(0.1)
    raise AssertionError("no run is paused")


async def press(run: FlowRun, approval: str) -> OrchestrationResult[object]:
    """Press the button of the form."""
    async with get_client() as client:
        return await client.resume_flow_run(run.id, run_input={"approval": approval})


def statement(
    request: ApprovalRequest, by: str = "alice@example.org", decision: Decision = Decision.APPROVE
) -> Statement:
    """What an approver signs for that request."""
    return Statement(
        candidate=request.candidate,
        app=request.app,
        environment=request.environment,
        plan=request.plan_hash,
        decision=decision,
        approver=by,
        expires=request.requested_at + timedelta(minutes=30),
    )
