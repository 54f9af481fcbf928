"""A gate opens by a signature, through the form or through the ledger, and by nothing else."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client

from flows.deploy import deploy
from slipway.approval import Decision, Statement
from slipway.claim import open_claim
from slipway.errors import ApprovalRefused, ApprovalTimeout, BadInput
from slipway.gatekeeper import hand_in
from slipway.history import Outcome
from slipway.ledger import Kind, Ledger, utc_now
from slipway.release import Target
from tests.fakes.site import Site
from tests.flows.gate_acts import paused_run, press, request_in, statement
from tests.unit.slipway.conftest import keys, sign

__all__ = ["keys", "sign"]
pytestmark = pytest.mark.prefect

GATED = """
app: shop
images: {web: {port: 8000}}
environments:
  prod: {port: 8103, gate: {approvals: 1, timeout: 60s}}
"""
HASTY = GATED.replace("60s", "3s")
TAG = "environment:prod"


@pytest.fixture
def gated(site: Site, keys: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    settings = site.settings.model_copy(update={"allowed_signers": keys / "allowed"})
    gated = replace(site, settings=settings)
    monkeypatch.setattr("flows.deploy.Installation", lambda: gated)
    return gated


def prod(site: Site) -> Ledger:
    return site.ledger(Target(app="shop", environment="prod"))


def deploy_to_prod(candidate: str) -> "asyncio.Task[object]":
    return asyncio.create_task(deploy(candidate=candidate, environment="prod", requested_by="ci"))


async def test_signature_in_the_ledger_opens_the_gate(
    gated: Site, sign: Callable[..., str], keys: Path
) -> None:
    running = deploy_to_prod(gated.push("a", GATED))
    request = await request_in(prod(gated))

    assert open_claim(prod(gated).records()) is None, "I5: nothing is held while a gate waits"
    hand_in(prod(gated), sign(statement(request)), keys / "allowed")

    assert (await running).outcome is Outcome.RELEASED


async def test_signature_in_the_form_opens_the_gate(gated: Site, sign: Callable[..., str]) -> None:
    running = deploy_to_prod(gated.push("a", GATED))
    request = await request_in(prod(gated))

    await press(await paused_run(TAG), sign(statement(request)))

    assert (await running).outcome is Outcome.RELEASED
    kinds = [record.kind for record in prod(gated).records()]
    assert kinds[:3] == [Kind.REQUESTED, Kind.APPROVAL, Kind.CLAIM]


async def test_broken_glass_of_a_run_opens_the_gate_and_is_shown(
    gated: Site, sign: Callable[..., str], keys: Path
) -> None:
    """I8: signed for exactly this plan before; the run is tagged, an artifact says who and why."""
    candidate = gated.push("a", GATED)
    release = gated.release(gated.candidate(candidate), "prod", "ci")
    plan = release.engine().plan(release.order())
    said = Statement(
        candidate=candidate,
        app="shop",
        environment="prod",
        plan=plan.hash,
        decision=Decision.BREAK_GLASS,
        approver="erin",
        reason="payments are down",
        expires=utc_now() + timedelta(minutes=5),
    )

    result = await deploy(
        candidate=candidate, environment="prod", requested_by="ci", break_glass=sign(said, "erin")
    )

    assert result.outcome is Outcome.RELEASED
    async with get_client() as client:
        runs = await client.read_flow_runs()
        artifacts = await client.read_artifacts()
    assert [run for run in runs if {"break-glass", TAG} <= set(run.tags)]
    shown = [one.data for one in artifacts if one.key == "break-glass--shop--prod"]
    assert len(shown) == 1
    assert "payments are down" in str(shown[0])


async def test_an_approval_is_no_broken_glass(gated: Site, sign: Callable[..., str]) -> None:
    """I8: what opens a gate is handed in at the gate, where it is asked for."""
    candidate = gated.push("a", GATED)
    release = gated.release(gated.candidate(candidate), "prod", "ci")
    plan = release.engine().plan(release.order())
    said = Statement(
        candidate=candidate,
        app="shop",
        environment="prod",
        plan=plan.hash,
        decision=Decision.APPROVE,
        approver="alice",
        expires=utc_now() + timedelta(minutes=5),
    )
    with pytest.raises(BadInput, match="no broken glass"):
        await deploy(
            candidate=candidate, environment="prod", requested_by="ci", break_glass=sign(said)
        )


async def test_spoofed_resume_opens_nothing(gated: Site, sign: Callable[..., str]) -> None:
    """I1: whoever presses the button, only an enrolled key's signature counts."""
    running = deploy_to_prod(gated.push("a", GATED))
    request = await request_in(prod(gated))
    for forged in ("yes", "the ledger moved", sign(statement(request), "mallory")):
        await press(await paused_run(TAG), forged)
        await asyncio.sleep(1.5)
        assert not running.done()
    assert [record.kind for record in prod(gated).records()] == [Kind.REQUESTED]
    assert not gated.place("prod").actions

    await press(await paused_run(TAG), sign(statement(request)))
    assert (await running).outcome is Outcome.RELEASED


async def test_signed_denial_ends_the_release(
    gated: Site, sign: Callable[..., str], keys: Path
) -> None:
    running = deploy_to_prod(gated.push("a", GATED))
    request = await request_in(prod(gated))
    hand_in(prod(gated), sign(statement(request, decision=Decision.DENY)), keys / "allowed")

    with pytest.raises(ApprovalRefused, match="closed"):
        await running
    assert not gated.place("prod").actions


async def test_nobody_in_time_is_a_named_refusal(gated: Site) -> None:
    """I4: the timeout is told as one, in the state of the run too."""
    state = await deploy(
        candidate=gated.push("a", HASTY), environment="prod", requested_by="ci", return_state=True
    )

    assert state.is_failed()
    assert "nobody opened the gate" in state.message
    with pytest.raises(ApprovalTimeout):
        await state.aresult()
    assert [record.kind for record in prod(gated).records()] == [Kind.REQUESTED, Kind.REFUSED]


async def test_two_triggers_wait_at_one_gate_and_are_one_release(
    gated: Site, sign: Callable[..., str], keys: Path
) -> None:
    """E1: three triggers, one approval, one claim."""
    candidate = gated.push("a", GATED)
    running = [deploy_to_prod(candidate) for _ in range(3)]
    request = await request_in(prod(gated))
    await asyncio.sleep(3)
    hand_in(prod(gated), sign(statement(request)), keys / "allowed")

    outcomes = sorted(str(result.outcome) for result in await asyncio.gather(*running))

    assert outcomes == ["released", "unchanged", "unchanged"]
    kinds = [record.kind for record in prod(gated).records()]
    assert kinds.count(Kind.CLAIM) == 1
    assert kinds.count(Kind.REQUESTED) == 1


async def test_steps_of_another_release_leave_the_form_open(
    gated: Site, sign: Callable[..., str], keys: Path
) -> None:
    """I5: the environment is free while a gate waits, so its chain may grow quickly."""
    running = deploy_to_prod(gated.push("a", GATED))
    request = await request_in(prod(gated))
    for number in range(40):
        prod(gated).append(Kind.INTENT, {"token": 0, "step": f"step {number}", "stage": "apply"})
        await asyncio.sleep(0.05)
    run = await paused_run(TAG)

    await press(run, sign(statement(request)))

    assert (await running).outcome is Outcome.RELEASED


async def test_approval_while_the_form_opens_is_not_lost(
    gated: Site, sign: Callable[..., str], keys: Path
) -> None:
    """I4: a signature in the very moment in which the run pauses opens the gate all the same."""
    running = deploy_to_prod(gated.push("a", GATED))
    request = await request_in(prod(gated), often=0.0)
    hand_in(prod(gated), sign(statement(request)), keys / "allowed")

    assert (await running).outcome is Outcome.RELEASED
