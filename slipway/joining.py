"""A release that is triggered while another one is under way: the same one is joined."""

import asyncio

from slipway.claim import open_claim
from slipway.execution import Tools
from slipway.opening import Order, is_same

JOIN_SECONDS = 0.5


async def same_release_over(tools: Tools, order: Order) -> None:
    """Wait while another trigger carries out the same release."""
    joined = 0
    while (claim := open_claim(tools.ledger.records())) and is_same(order, claim):
        if not tools.lives(claim):
            return
        if joined != claim.token:
            tools.note(f"joined claim {claim.token}, which carries out the same release")
            joined = claim.token
        await asyncio.sleep(JOIN_SECONDS)


def is_held(tools: Tools, order: Order) -> bool:
    """Whether another release has to end before this one may begin."""
    claim = open_claim(tools.ledger.records())
    return claim is not None and not is_same(order, claim) and tools.lives(claim)
