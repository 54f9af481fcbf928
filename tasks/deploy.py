"""Bring a candidate in: wait at the gate, run each step as a task."""

from functools import partial

from blocks.compose import Release
from slipway.engine import Engine
from slipway.execution import Result
from slipway.gatekeeper import Gatekeeper
from slipway.history import claim_with_key
from slipway.ledger import Ledger
from slipway.opening import Order
from slipway.plan import Plan
from slipway.quantities import parse_duration
from tasks.artifacts import publish_plan, shown
from tasks.gate import open_gate
from tasks.glass import hand_in_glass, tell_of_glass
from tasks.steps import perform


async def bring_in(
    release: Release,
    *,
    key: str | None,
    again: bool,
    allow_downgrade: bool,
    wait: str,
    glass: str = "",
) -> Result:
    """Deploy the candidate; one release however often it was triggered.

    Raises:
        KeyReused: the key was used with other contents.
        SlipwayError: as `Engine.deploy`.
    """
    make = partial(release.order, key=key, again=again, allow_downgrade=allow_downgrade)
    order = await perform("order made", make)
    engine = release.engine(gate=partial(_gate, release.gatekeeper, order.contents, glass))
    what = f"deploy of {release.candidate.reference.short}"
    act = _once(engine, order, release.ledger, parse_duration(wait).total_seconds())
    return await shown(release.target, what, act, release.ledger.records)


async def _gate(keeper: Gatekeeper, contents: str, glass: str, plan: Plan) -> list[int]:
    await publish_plan(plan)
    if glass and keeper.strict().approvals:
        hand_in_glass(keeper, glass, plan)
    numbers = await open_gate(keeper, contents, plan)
    await tell_of_glass(keeper.ledger, numbers, plan)
    return numbers


async def _once(engine: Engine, order: Order, ledger: Ledger, wait_seconds: float) -> Result:
    if order.key:
        claim_with_key(ledger.records(), order.key, order.contents)
    return await engine.deploy(order, wait_seconds)
