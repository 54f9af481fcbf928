"""Follows the ledger: tells each step as it is recorded, and signs when a gate waits."""

from collections.abc import Callable
from dataclasses import dataclass, field

from slipway.approval import ApprovalRequest
from slipway.canonical import JsonObject
from slipway.gatekeeper import last_request
from slipway.ledger import Kind, Ledger, LedgerStore, Record
from slipway.platform import Stage
from slipway.release import Target

TOLD = frozenset({Kind.OBSERVED, Kind.REQUESTED, Kind.APPROVAL, Kind.CLOSED, Kind.QUARANTINE})


def line_of(target: Target, record: Record) -> str | None:
    """One record as a line of the story, or None where it is no news. Pure."""
    body = record.body
    if record.kind not in TOLD:
        return None
    words = {
        Kind.OBSERVED: "{step}",
        Kind.REQUESTED: "the gate waits for approval of plan {plan_hash:.19}",
        Kind.APPROVAL: "gate: {decision} by {approver}, signature verified",
        Kind.CLOSED: "closed: {outcome}",
        Kind.QUARANTINE: "candidate quarantined: {reason}",
    }
    back = "going back: " if body.get("stage") == Stage.RESTORE else ""
    return f"{target.environment:5} {back}{words[record.kind].format_map(body)}"


@dataclass
class Watcher:
    """Looks at one app's chains; call it again and again.

    Attributes:
        tell: takes each line.
        sign: called once for each request that waits.
    """

    store: LedgerStore
    targets: list[Target]
    tell: Callable[[str], None]
    sign: Callable[[Target, ApprovalRequest], None] = field(default=lambda target, request: None)
    _seen: dict[Target, int] = field(default_factory=dict)
    _signed: set[str] = field(default_factory=set)

    def skip(self) -> None:
        """Take what is there as known."""
        self._seen = {target: len(self.records(target)) for target in self.targets}

    def __call__(self) -> None:
        """Tell what is new."""
        for target in self.targets:
            records = self.records(target)
            new = records[self._seen.get(target, 0) :]
            self._seen[target] = len(records)
            for line in filter(None, (line_of(target, record) for record in new)):
                self.tell(line)
            self._sign_waiting(target, new, records)

    def records(self, target: Target) -> list[Record]:
        """The whole chain."""
        return Ledger(self.store, target, "demo").records()

    def last(self, kind: Kind) -> JsonObject:
        """Body of the newest record of that kind, in whichever environment; empty without one."""
        records = [record for target in self.targets for record in self.records(target)]
        found = [record for record in records if record.kind is kind]
        return max(found, key=lambda record: record.time).body if found else {}

    def _sign_waiting(self, target: Target, new: list[Record], records: list[Record]) -> None:
        if not any(record.kind is Kind.REQUESTED for record in new):
            return
        request = last_request(records)
        if request and request.plan_hash not in self._signed:
            self._signed.add(request.plan_hash)
            self.sign(target, request)
