"""The queue before an environment that another release holds: one place, for the newest trigger.

What acts already is not disturbed. Of those that may wait (slipway.line), the newest goes on once
the environment is free, and each older one ends as superseded, on record with whom it gave way to.
Only an admitted order gets a place, so that nothing unsigned, quarantined or stale displaces any.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway.canonical import JsonObject
from slipway.claim import Goal
from slipway.errors import Final, Superseded
from slipway.execution import Tools
from slipway.explanations import explain
from slipway.joining import is_held
from slipway.ledger import Kind, Record
from slipway.line import Line
from slipway.names import parse_reference
from slipway.opening import Admitted, Order
from slipway.platform import Stage


class Waited(Final):
    """The environment was held and is free by now: everything is to be looked at anew."""


def queued_body(order: Order, admitted: Admitted) -> JsonObject:
    """Body of a `queued` record; a deploy's claim has the same fields."""
    return {
        "candidate": order.candidate,
        "contents": order.contents,
        "requested_by": order.requested_by,
        "built": admitted.built,
        "allow_downgrade": order.allow_downgrade,
    }


def waiting(records: list[Record]) -> Record | None:
    """Who waits for the newest claim to end: the `queued` record that came last since. Pure."""
    for record in reversed(records):
        if record.kind is Kind.CLAIM:
            return None
        if record.kind is Kind.QUEUED:
            return record
    return None


def overtaken_by(number: int, records: list[Record]) -> Record | None:
    """What came after that `queued` record and goes before it, or None. Pure.

    A rollback, or another release that queued or claimed later, unless it was built earlier.
    """
    mine = records[number - 1].body
    for record in records[number:]:
        if record.kind is Kind.CLAIM and record.body["goal"] == Goal.ROLLBACK:
            return record
        if not (record.kind is Kind.QUEUED or _is_deploy(record)):
            continue
        if record.body.get("contents") != mine["contents"] and not comes_late(record.body, mine):
            return record
    return None


def comes_late(later: Mapping[str, Any], earlier: Mapping[str, Any]) -> bool:
    """Whether the later of two triggers is for the older build, and not on purpose. Pure."""
    if later.get("allow_downgrade"):
        return False
    one, other = later.get("built"), earlier.get("built")
    return bool(one and other and one < other)


def _is_deploy(record: Record) -> bool:
    return record.kind is Kind.CLAIM and record.body["goal"] == Goal.DEPLOY


def superseded(order: Order, by: Record) -> Superseded:
    """The error of a trigger that gave way."""
    target, what = order.spec.target, "rollback" if by.kind is Kind.CLAIM else "trigger"
    if _is_deploy(by):
        what = "deploy"
    return Superseded(
        f"{_short(order.candidate)} gave way in {target} to a newer {what}",
        found=f"record {by.number}: {what} of {_short(by.body['candidate'])}, "
        f"asked by {by.body.get('requested_by')}",
        next_step="nothing; trigger this candidate again if it is still wanted",
        stage=str(Stage.CLAIM),
    )


def superseded_body(order: Order, by: Record, queued: int | None) -> JsonObject:
    """Body of a `superseded` record: who gave way to whom."""
    explanation = explain(superseded(order, by), str(Stage.CLAIM), order.spec.target)
    return {
        "candidate": order.candidate,
        "requested_by": order.requested_by,
        "queued": queued,
        "by": by.number,
        "by_candidate": by.body["candidate"],
        "by_requested_by": by.body.get("requested_by"),
        "explanation": explanation.model_dump(mode="json"),
    }


def _short(candidate: str) -> str:
    return parse_reference(candidate).short


@dataclass
class Place:
    """One trigger's place in the queue; it has none before it had to wait.

    Attributes:
        line: where it may wait, and how long.
        number: of its `queued` record.
    """

    tools: Tools
    order: Order
    line: Line
    number: int | None = None

    async def wait(self, admitted: Admitted) -> None:
        """Return at once where nothing is waited for, or this trigger does not wait.

        Raises:
            Waited: another release held the environment, and ended or died.
            Superseded: a rollback or a newer trigger goes first; this is on record.
            Busy: the time is over. Interrupted: an operator stopped it.
        """
        if not self.line.wait_seconds:
            return
        must = is_held(self.tools, self.order) or bool(self.line.ahead())
        if must and self.number is None:
            self.number = self._queue(admitted)
        await self.line.turn(self._is_held)
        if must:
            raise Waited(f"{self.order.spec.target} is free")

    def _is_held(self) -> bool:
        self._give_way()
        self.tools.interruption.check()
        return is_held(self.tools, self.order)

    def _queue(self, admitted: Admitted) -> int:
        """The number of the place; triggers of the same release share one."""
        body = queued_body(self.order, admitted)
        head = waiting(self.tools.ledger.records())
        if head and head.body["contents"] == body["contents"]:
            return head.number

        def check(records: list[Record]) -> None:
            first = waiting(records)
            if first and comes_late(body, first.body):
                raise superseded(self.order, first)

        try:
            number = self.tools.ledger.append(Kind.QUEUED, body, unless=check).number
        except Superseded:
            self._record(waiting(self.tools.ledger.records()))
            raise
        self.tools.note(f"waits as record {number}; a newer trigger would go first")
        return number

    def _give_way(self) -> None:
        records = self.tools.ledger.records()
        by = overtaken_by(self.number, records) if self.number else None
        if by:
            self._record(by)
            raise superseded(self.order, by)

    def _record(self, by: Record | None) -> None:
        if by:
            body = superseded_body(self.order, by, self.number)
            self.tools.ledger.append(Kind.SUPERSEDED, body)
