"""May this candidate enter this environment? Checks that need no person, before anything changes.

Everything here fails closed: what cannot be read or verified is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass

from slipway.history import quarantine_of, refuse_quarantined, refuse_without_receipt
from slipway.ledger import Kind, Ledger, Record
from slipway.opening import Order
from slipway.plan import Plan
from slipway.release import Target


@dataclass(frozen=True, slots=True)
class Admission:
    """The checks of one environment, in order of their cost.

    Attributes:
        ledger: the target's own chain.
        before: the environment that must have verified the candidate, or None.
        supply: verifies signatures, provenance and scan verdict; the facts found; raises Refused.
        receipts: demands the receipt of the environment before; the facts found; raises Refused.
    """

    ledger: Ledger
    before: str | None
    supply: Callable[[Order], list[str]]
    receipts: Callable[[Order, Target], list[str]] = lambda order, before: []

    def __call__(self, order: Order, plan: Plan) -> list[str]:
        """The facts that admit the order; raises Refused."""
        facts = [f"plan {plan.hash[7:19]} changes {len(plan.changes)} fields"]
        facts += self._quarantine(order)
        facts += self._promotion(order)
        return facts + self.supply(order)

    def _quarantine(self, order: Order) -> list[str]:
        now = self.ledger.clock()
        quarantine = quarantine_of(order.candidate, self._chains(), now)
        if quarantine and order.again:
            body = {"candidate": order.candidate, "reason": f"again, asked by {order.requested_by}"}
            self.ledger.append(Kind.PARDON, body)
            return [f"quarantine pardoned: {quarantine.reason}"]
        refuse_quarantined(quarantine)
        return ["no quarantine in any environment"]

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
