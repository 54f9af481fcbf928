"""Tells the Prefect server what the ledger says was done, also what it missed while it was away.

Flow runs are never made up: what no run did is shown as an event and in a page of the environment.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from slipway.cli.prefect_api import PrefectApi
from slipway.cli.told import ABOUT, Ending, endings, event, page
from slipway.errors import Unreachable
from slipway.ledger import Ledger, LedgerStore, utc_now
from slipway.markdown import artifact_key
from slipway.release import Target

# A server keeps events for seven days unless told otherwise; older ones would come and go.
KEPT = timedelta(days=6)
AWAY_SECONDS = 10.0
ARRIVAL_SECONDS = 30.0
FORGET_SECONDS = 600.0

log = structlog.get_logger("slipway.keeper")


@dataclass
class Backfill:
    """One server and one ledger. What is remembered here only saves questions.

    Attributes:
        told: hashes of records whose events the server was seen to have.
        sent: monotonic seconds when an event was sent that was not seen there yet.
        read: newest record of a chain of which everything is told.
    """

    store: LedgerStore
    api: PrefectApi
    told: set[str] = field(default_factory=set)
    sent: dict[str, float] = field(default_factory=dict)
    read: dict[Target, int] = field(default_factory=dict)
    next_at: float = 0.0
    forget_at: float = 0.0

    def look(self) -> None:
        """Tell what the server does not have yet, of every target."""
        now = time.monotonic()
        if now < self.next_at:
            return
        if now >= self.forget_at:  # it may have lost its database meanwhile
            self._forget()
            self.forget_at = now + FORGET_SECONDS
        try:
            for target in self.store.targets():
                self._look_at(target)
        except Unreachable as error:
            log.debug("nothing told", why=error.message)
            self._forget()
            self.next_at = time.monotonic() + AWAY_SECONDS

    def _forget(self) -> None:
        self.told.clear()
        self.read.clear()

    def _look_at(self, target: Target) -> None:
        numbers = self.store.numbers(target)
        if not numbers or self.read.get(target) == numbers[-1]:
            return
        found = endings(target, Ledger(self.store, target, "keeper").records())
        if self._tell(target, found):
            self.read[target] = numbers[-1]

    def _tell(self, target: Target, found: Sequence[Ending]) -> bool:
        """Whether the server was seen to have everything."""
        new = [one for one in found if one.digest not in self.told]
        if not new:
            return True
        self._show(target, found)
        since = utc_now() - KEPT
        recent = [one for one in new if datetime.fromisoformat(one.time) >= since]
        there = self.api.events_of([str(one.event_id) for one in recent])
        missing = [one for one in recent if str(one.event_id) not in there]
        self._send(target, missing)
        self.told |= {one.digest for one in new} - {one.digest for one in missing}
        return not missing

    def _show(self, target: Target, found: Sequence[Ending]) -> None:
        key, text = artifact_key("history", target), page(target, found)
        if self.api.newest_artifact(key) != text:
            self.api.add_artifact(key, text, ABOUT)

    def _send(self, target: Target, missing: Sequence[Ending]) -> None:
        """An event that was taken a moment ago may not be readable yet: it is not sent again."""
        now = time.monotonic()
        long_ago = now - ARRIVAL_SECONDS
        due = [one for one in missing if self.sent.get(one.digest, long_ago) <= long_ago]
        if due:
            self.api.send_events([event(one) for one in due])
            self.sent |= {one.digest: now for one in due}
            log.info("told", target=str(target), records=[one.record for one in due])
