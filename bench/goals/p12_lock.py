"""P12: the lock. It is the claim, a record of the ledger."""

import asyncio
import threading
import time

from bench.measured import Result, in_turns
from bench.session import Session
from slipway.directory_store import DirectoryStore
from slipway.ledger import Kind, Ledger
from slipway.release import Target
from tests.rig.doomed import Site, order

TIMES = 10


def measure(session: Session) -> list[Result]:
    """Taking it while nobody else wants to; and how soon the next one goes on."""
    folder = session.new_folder("lock")
    ledger = Ledger(DirectoryStore(folder), Target(app="bench", environment="dev"), "bench")

    def claimed() -> None:
        for _ in range(TIMES):
            claim = ledger.append(Kind.CLAIM, {"goal": "deploy", "spec": {}, "candidate": "c"})
            ledger.append(Kind.CLOSED, {"token": claim.number, "outcome": "released"})

    (taken,) = in_turns(session.rounds, claimed)
    site = session.site("handoff")
    waited = tuple(handoff(site, str(turn)) for turn in range(session.rounds))
    each = tuple(one / TIMES for one in taken)
    return [
        Result("P12", "claim and close, uncontended", "", each, longest=0.02),
        Result("P12", "from a close to the next in line going on", "", waited, longest=1.0),
    ]


def handoff(site: Site, version: str) -> float:
    """Seconds from the end of a release until another trigger of it, which waits, goes on."""
    wanted = order(site.world.spec(f"handoff-{version}"))
    went_on: list[float] = []

    def second() -> None:
        while site.is_settled:
            time.sleep(0.01)
        site.deploy(wanted.spec)
        went_on.append(time.time())

    other = threading.Thread(target=second)
    other.start()
    asyncio.run(site.engine().deploy(wanted))
    ended = time.time()
    other.join()
    return went_on[0] - ended
