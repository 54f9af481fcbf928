"""The keeper: notices a dead release and has it recovered, with or without a Prefect server.

It reads leases in the ledger every two seconds and starts a run only where a lease ran out, once
for each claim; where no run takes the claim over, it recovers by itself. It also tells the server
what the ledger says was done, so that nothing is missing there that happened while it was away.
"""

import asyncio
import os
import socket
import time
from dataclasses import dataclass, field

import structlog

from blocks.compose import Door, Installation
from slipway.claim import OpenClaim, holder_lives, open_claim, read_lease
from slipway.cli.backfill import Backfill
from slipway.cli.prefect_api import PrefectApi
from slipway.errors import SlipwayError, Unreachable
from slipway.explanations import printable
from slipway.keeping import Case, Turn, after, dead_holders, turn
from slipway.release import Target

LOOK_SECONDS = 2.0
RUNS_EVERY = 8

log = structlog.get_logger("slipway.keeper")


@dataclass
class Keeper:
    """Keeps one installation.

    Attributes:
        api: the Prefect server, or None to work without.
    """

    installation: Installation
    api: PrefectApi | None
    cases: dict[Target, Case] = field(default_factory=dict)
    working: dict[Target, asyncio.Task[None]] = field(default_factory=dict)
    expired: set[str] = field(default_factory=set)
    rounds: int = 0
    backfill: Backfill | None = field(init=False)

    def __post_init__(self) -> None:
        self.backfill = Backfill(self.installation.store, self.api) if self.api else None

    async def look(self) -> None:
        """One round over every target and, now and then, over the runs of dead processes."""
        for target in self.installation.store.targets():
            try:
                await self._look_at(target)
            except SlipwayError as error:
                log.warning("target not kept", target=str(target), error=printable(str(error)))
        if self.rounds % RUNS_EVERY == 0 or self.expired:
            self._bury_runs()
        self.rounds += 1
        if self.backfill:
            self.backfill.look()

    async def _look_at(self, target: Target) -> None:
        claim = self._abandoned(target)
        if claim is None:
            self.cases.pop(target, None)
            return
        case, now = self.cases.get(target), time.monotonic()
        what = turn(case, claim, now)
        if what is Turn.WAIT or target in self.working:
            return
        started = what is Turn.START and self._start(target, claim)
        self.cases[target] = after(what, case, claim, now, started=started)
        if not started:
            self.working[target] = asyncio.create_task(self._recover(target, claim))

    def _abandoned(self, target: Target) -> OpenClaim | None:
        ledger = self.installation.ledger(target)
        claim = open_claim(ledger.records())
        if claim is None or holder_lives(ledger, claim):
            return None
        lease = read_lease(ledger.store, target)
        if lease and lease.token == claim.token:
            self.expired.add(lease.holder)
        return claim

    def _start(self, target: Target, claim: OpenClaim) -> bool:
        """Whether a Prefect server took the run."""
        if self.api is None:
            return False
        try:
            self.api.start_recover(target, claim.token)
        except Unreachable as error:
            log.warning("recovering here", target=str(target), why=error.message)
            return False
        log.info("recover deployment started", target=str(target), claim=claim.token)
        return True

    async def _recover(self, target: Target, claim: OpenClaim) -> None:
        log.info("recovering", target=str(target), claim=claim.token)
        door = Door(note=lambda line: log.info(printable(line), target=str(target)))
        try:
            result = await self.installation.engine(target, door).recover()
        except SlipwayError as error:
            log.warning("not recovered", target=str(target), error=printable(str(error)))
        else:
            outcome = str(result.outcome) if result else "nothing to recover"
            log.info("recovered", target=str(target), outcome=outcome)
        finally:
            self.working.pop(target, None)

    def _bury_runs(self) -> None:
        """Runs of dead processes say so in the UI instead of running for ever."""
        if self.api is None:
            return
        try:
            dead = dead_holders(self.api.holders(), socket.gethostname(), _alive, self.expired)
            for run in dead:
                self.api.mark_crashed(run, "its process is gone; the ledger says how it was ended")
                log.info("run marked as crashed", run=run)
        except Unreachable as error:
            log.debug("runs not looked at", why=error.message)
        else:
            self.expired.clear()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


async def keep(keeper: Keeper, seconds: float = LOOK_SECONDS) -> None:
    """Look for ever; a round that fails is told and the next one comes."""
    while True:
        try:
            await keeper.look()
        except Exception as error:  # noqa: BLE001 - who watches must not die of what it sees
            log.warning("round failed", error=type(error).__name__)
        await asyncio.sleep(seconds)


async def keep_once(keeper: Keeper) -> None:
    """One round, and what it started."""
    await keeper.look()
    await asyncio.gather(*keeper.working.values())
