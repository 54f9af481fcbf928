"""Go back, and show how it ended."""

from slipway.engine import Engine
from slipway.execution import Result
from tasks.artifacts import shown


async def roll_back(
    engine: Engine, *, requested_by: str, reason: str, to: str | None, accept_forward_only: bool
) -> Result:
    """Roll back; raises as `Engine.rollback`."""
    target = engine.tools.ledger.target
    act = engine.rollback(requested_by, reason, to, accept_forward_only=accept_forward_only)
    return await shown(target, "rollback", act)
