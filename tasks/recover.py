"""Recover a claim whose holder died, and show how it ended."""

from slipway.claim import open_claim
from slipway.engine import Engine
from slipway.errors import Superseded
from slipway.execution import Result
from tasks.artifacts import shown
from tasks.notes import note


async def recover_claim(engine: Engine) -> Result | None:
    """The result, or None where nothing was left to do; raises as `Engine.recover`."""
    ledger = engine.tools.ledger
    if open_claim(ledger.records()) is None:
        note("nothing to recover: no claim is open")
        return None
    try:
        return await shown(ledger.target, "recovery", _recover(engine))
    except Superseded as other:
        note(f"another process recovers: {other}")
        return None


async def _recover(engine: Engine) -> Result:
    result = await engine.recover()
    if result is None:
        raise Superseded("the claim was closed meanwhile")
    return result
