"""Go back, and show how it ended."""

import time

from slipway.engine import Engine
from slipway.execution import Result
from tasks.artifacts import publish_summary


async def roll_back(engine: Engine, *, requested_by: str, reason: str, to: str | None) -> Result:
    """Roll back; raises as `Engine.rollback`."""
    started = time.monotonic()
    result = await engine.rollback(requested_by, reason, to)
    await publish_summary(result, time.monotonic() - started)
    return result
