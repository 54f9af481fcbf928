"""May this candidate enter this environment? Checks that need no person, before anything changes.

Everything here fails closed: what cannot be read or verified is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass

from slipway.history import (
    Quarantine,
    quarantine_of,
    refuse_quarantined,
    refuse_without_receipt,
)
from slipway.ledger import Kind, Ledger, Record
from slipway.opening import Admitted, Order
from slipway.plan import Plan
from slipway.precedence import refuse_older, why_older
from slipway.release import Target


@dataclass(frozen=True, slots=True)
class Admission:
    """The checks of one environment, in order of their cost.

    Attributes:
        ledger: the target's own chain.
        before: the environment that must have verified the candidate, or None.
        supply: verifies signatures, provenance and scan verdict; what was found; raises Refused.
        receipts: demands the receipt of the environment before; the facts found; raises Refused.
        built: when the build of a candidate on record began, where no claim says so.
    """

    ledger: Ledger
    before: str | None
    supply: Callable[[Order], Admitted]
    receipts: Callable[[Order, Target], list[str]] = lambda order, before: []
    built: Callable[[str], str | None] = lambda reference: None

    def __call__(self, order: Order, plan: Plan) -> Admitted:
        """What admits the order; raises Refused."""
        facts = [f"plan {plan.hash[7:19]} changes {len(plan.changes)} fields"]
        quarantine = quarantine_of(order.candidate, self._chains(), self.ledger.clock())
        if not order.again:
            refuse_quarantined(quarantine)
        facts += self._promotion(order)
        supplied = self.supply(order)
        facts += [*supplied.facts, *self._precedence(order, supplied.built)]
        facts += self._pardon(order, quarantine)
        return Admitted(facts=tuple(facts), built=supplied.built)

    def _precedence(self, order: Order, built: str | None) -> list[str]:
        records = self.ledger.records()
        return refuse_older(order, why_older(order.candidate, built, records, self.built), records)

    def _pardon(self, order: Order, quarantine: Quarantine | None) -> list[str]:
        """Last, so that what another rule refuses stays under quarantine."""
        if quarantine is None:
            return ["no quarantine in any environment"]
        body = {"candidate": order.candidate, "reason": f"again, asked by {order.requested_by}"}
        self.ledger.append(Kind.PARDON, body)
        return [f"quarantine pardoned: {quarantine.reason}"]

    def _promotion(self, order: Order) -> list[str]:
        if self.before is None:
            return ["first environment of the chain"]
        before = Target(app=self.ledger.target.app, environment=self.before)
        refuse_without_receipt(order.candidate, self.before, self._records(before))
        return [f"{self.before} verified this candidate", *self.receipts(order, before)]

    def _chains(self) -> list[list[Record]]:
        app = self.ledger.target.app
        targets = [target for target in self.ledger.store.targets() if target.app == app]
        return [self._records(target) for target in targets]

    def _records(self, target: Target) -> list[Record]:
        return Ledger(self.ledger.store, target, self.ledger.actor).records()
