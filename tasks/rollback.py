"""Go back, and show how it ended."""

from slipway.engine import Engine
from slipway.execution import Result
from tasks.artifacts import shown


async def roll_back(engine: Engine, *, requested_by: str, reason: str, to: str | None) -> Result:
    """Roll back; raises as `Engine.rollback`."""
    target = engine.tools.ledger.target
    return await shown(target, "rollback", engine.rollback(requested_by, reason, to))
