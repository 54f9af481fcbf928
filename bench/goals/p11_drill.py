"""P11: the way back and forth again, beside one deploy."""

import asyncio
import time

from bench.measured import Result
from bench.requests import Asked, asking
from bench.session import Session
from tests.rig.doomed import Site

BUDGET_MILLIS = 60_000


def measure(session: Session) -> list[Result]:
    """Under requests all the while; none of them may fail."""
    site = session.site("drill")
    site.deploy(site.world.spec("one"))
    rounds = [one_round(site, turn) for turn in range(session.rounds + 1)][1:]
    drills, deploys, failed = zip(*rounds, strict=True)
    return [
        Result("P11", "drill: back, verified, forth, verified", "deploy", drills, deploys, 2.5),
        Result("P11", "failed requests of a drill", "", failed, longest=0, unit="requests"),
    ]


def one_round(site: Site, turn: int) -> tuple[float, float, float]:
    """Seconds of a drill and of the deploy before it; requests that failed meanwhile."""
    began = time.perf_counter()
    site.deploy(site.world.spec(f"next-{turn}"))
    deployed = time.perf_counter() - began
    drilled, asked = asyncio.run(under_requests(site))
    return drilled, deployed, float(asked.failed)


async def under_requests(site: Site) -> tuple[float, Asked]:
    """Seconds of a drill, and what light clients saw meanwhile."""
    async with asking(site.world.port) as asked:
        began = time.perf_counter()
        await site.engine().drill("bench", BUDGET_MILLIS)
        return time.perf_counter() - began, asked
