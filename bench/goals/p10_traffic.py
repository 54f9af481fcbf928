"""P10: requests at a steady rate over a deploy, a deploy that fails and a rollback."""

import asyncio
import time
from contextlib import suppress

from bench.measured import Result, percentile
from bench.requests import Asked, asking
from bench.session import Session
from slipway.errors import ReleaseFailed
from tests.rig.doomed import Site, order

REQUESTS = 10_000
CLIENTS, PAUSE = 10, 0.1
AROUND_SECONDS = 0.5


def measure(session: Session) -> list[Result]:
    """One long run: as many turns of the three as it takes."""
    site = session.site("traffic")
    site.deploy(site.world.spec("one"))
    asked, switches = asyncio.run(under_requests(site))
    during, steady = split(asked, switches)
    name = f"failed of {len(asked.answers)} requests over {len(switches)} switches"
    slow = "p99 around a switch"
    return [
        Result("P10", name, "", (float(asked.failed),), longest=0, unit="requests"),
        Result("P10", slow, "p99 otherwise", (during,), (steady,), most=3),
    ]


async def under_requests(site: Site) -> tuple[Asked, list[float]]:
    """Every request, and when traffic switched."""
    switches: list[float] = []

    def observe(name: str, point: str) -> None:
        if (name, point) == ("traffic switched", "acted"):
            switches.append(time.monotonic())

    engine, turn = site.engine(observe), 0
    async with asking(site.world.port, clients=CLIENTS, pause=PAUSE) as asked:
        while len(asked.answers) < REQUESTS:
            turn += 1
            await engine.deploy(order(site.world.spec(f"next-{turn}")))
            with suppress(ReleaseFailed):
                await engine.deploy(order(site.world.spec(f"bad-{turn}", "crash", deadline=10)))
            await engine.rollback("bench", "measured")
    return asked, switches


def split(asked: Asked, switches: list[float]) -> tuple[float, float]:
    """The 99th percentiles around switches, and otherwise. Pure."""

    def is_near(began: float) -> bool:
        return any(abs(began - switch) <= AROUND_SECONDS for switch in switches)

    near = [took for began, took, _ in asked.answers if is_near(began)]
    far = [took for began, took, _ in asked.answers if not is_near(began)]
    return percentile(near, 0.99), percentile(far, 0.99)
