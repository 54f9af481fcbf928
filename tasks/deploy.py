"""Bring a candidate in: join the same release, wait at the gate, run each step as a task."""

import asyncio
import time
from functools import partial

from blocks.compose import Release
from slipway.claim import holder_lives, open_claim
from slipway.engine import Engine
from slipway.execution import Result
from slipway.gatekeeper import Gatekeeper
from slipway.history import claim_with_key
from slipway.ledger import Ledger
from slipway.opening import Order, SameRelease
from slipway.plan import Plan
from tasks.artifacts import publish_plan, shown
from tasks.gate import open_gate
from tasks.notes import note
from tasks.steps import perform

POLL_SECONDS = 0.5


async def bring_in(release: Release, *, key: str | None, again: bool) -> Result:
    """Deploy the candidate; one release however often it was triggered.

    Raises:
        KeyReused: the key was used with other contents.
        SlipwayError: as `Engine.deploy`.
    """
    order = await perform("order made", partial(release.order, key=key, again=again))
    engine = release.engine(gate=partial(_gate, release.gatekeeper, order.contents))
    what = f"deploy of {release.candidate.reference.short}"
    return await shown(release.target, what, _once(engine, order, release.ledger))


async def _gate(keeper: Gatekeeper, contents: str, plan: Plan) -> list[int]:
    await publish_plan(plan)
    return await open_gate(keeper, contents, plan)


async def _once(engine: Engine, order: Order, ledger: Ledger) -> Result:
    if order.key:
        claim_with_key(ledger.records(), order.key, order.contents)
    await _same_release_over(order, ledger)
    try:
        return await engine.deploy(order)
    except SameRelease:
        await _same_release_over(order, ledger)
        return await engine.deploy(order)


async def _same_release_over(order: Order, ledger: Ledger) -> None:
    """Wait while another trigger carries out the same release."""
    joined = 0
    while (claim := open_claim(ledger.records())) and claim.body.get("contents") == order.contents:
        if not holder_lives(ledger, claim, time.time()):
            return
        if joined != claim.token:
            note(f"joined claim {claim.token}, which carries out the same release")
            joined = claim.token
        await asyncio.sleep(POLL_SECONDS)
