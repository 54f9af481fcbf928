"""Recover a claim whose holder died, and show how it ended."""

import time

from slipway.engine import Engine
from slipway.errors import Superseded
from slipway.execution import Result
from tasks.artifacts import publish_summary
from tasks.notes import note


async def recover_claim(engine: Engine) -> Result | None:
    """The result, or None where nothing was left to do; raises as `Engine.recover`."""
    started = time.monotonic()
    try:
        result = await engine.recover()
    except Superseded as other:
        note(f"another process recovers: {other}")
        return None
    if result is None:
        note("nothing to recover: no claim is open")
        return None
    await publish_summary(result, time.monotonic() - started)
    return result
