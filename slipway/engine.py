"""The release engine: one order of acts, driven by flows and by the command line alike.

plan, admit, gate, claim, prove the way back, apply, settle, switch, verify, commit; on any failure
keep the evidence, restore the last good release, verify it, close, quarantine, explain.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from slipway.claim import Goal, OpenClaim, holder_of, open_claim
from slipway.drill import refuse_drill
from slipway.errors import Busy, Refused, Superseded
from slipway.execution import Execution, Result, Tools
from slipway.history import (
    GoodRelease,
    Outcome,
    refuse_forward_only,
    rollback_target,
    serving_release,
)
from slipway.joining import same_release_over
from slipway.ledger import Kind, Record, timestamp
from slipway.line import standing_in_line
from slipway.opening import (
    Admitted,
    LedgerMoved,
    Order,
    SameRelease,
    busy,
    claim_body,
    deploy_body,
    refusal_body,
    refuse_busy,
    refuse_moved,
    rollback_body,
)
from slipway.plan import Plan, make_plan, refuse_stale
from slipway.platform import Stage, Step, StepContext
from slipway.queueing import Place, Waited
from slipway.returning import close_refused, fence, go_on, rehearse, roll_back
from slipway.way_back import way_back_facts


async def no_gate(plan: Plan) -> list[int]:  # noqa: ARG001
    """The gate of an environment that needs no approval."""
    return []


@dataclass(frozen=True, slots=True)
class Engine:
    """Drives one target.

    Attributes:
        admit: checks that need no person; raises Refused; returns what let the order in.
        gate: waits until the plan is approved; raises ApprovalRefused or ApprovalTimeout; returns
            the numbers of the approval records.
    """

    tools: Tools
    admit: Callable[[Order, Plan], Admitted] = field(default=lambda order, plan: Admitted())
    gate: Callable[[Plan], Awaitable[list[int]]] = no_gate

    def plan(self, order: Order) -> Plan:
        """The plan for the target as it is now."""
        observed = self.tools.platform.observe(order.spec.target)
        wanted = self.tools.platform.render(order.spec)
        return make_plan(order.candidate, order.spec, observed, wanted)

    async def deploy(self, order: Order, wait_seconds: float = 0.0) -> Result:
        """Bring the order's specification to its target, verified, or leave what served before.

        However often the same release is triggered, it is carried out once. One that waits gives
        way to a newer trigger (slipway.queueing).

        Args:
            wait_seconds: how long it may wait in line for an environment that others hold.

        Raises:
            Refused: nothing was changed.
            ReleaseFailed: the release failed; what served before serves again.
            RestoreFailed, Superseded, Unreachable, Busy: see `slipway.errors`.
        """
        ledger, lease_seconds = self.tools.ledger, self.tools.lease_seconds
        with standing_in_line(ledger, wait_seconds, lease_seconds) as line:
            place = Place(self.tools, order, line)
            while True:
                await same_release_over(self.tools, order)
                try:
                    with suppress(Superseded):  # another one that waits was first to recover
                        await self._recover_abandoned()
                    return await self._bring_in(order, place)
                except (SameRelease, Waited) as error:
                    self.tools.note(error.message)
                except Busy:
                    if not line.may_wait:
                        raise

    async def rollback(
        self,
        requested_by: str,
        reason: str,
        to: str | None = None,
        key: str | None = None,
        *,
        accept_forward_only: bool = False,
    ) -> Result:
        """Return to the last verified good release; outranks and fences off a running deploy.

        Args:
            accept_forward_only: go back over a release that says it is forward only.

        Raises:
            NoRollbackTarget, ForwardOnly: nothing was changed.
            Refused: as for a missing permission; nothing was changed, and the claim is closed.
            RestoreFailed: neither the target nor an older good release could be verified.
        """
        await self._recover_abandoned(rollback=True)
        records = self.tools.ledger.records()
        goal = rollback_target(records, to)
        if not accept_forward_only:
            refuse_forward_only(records, goal)
        body = rollback_body(goal, records, requested_by, reason, key)
        body["accept_forward_only"] = accept_forward_only
        claim = await self.tools.perform(
            "claim", partial(self._append_claim, body, partial(refuse_busy, Goal.ROLLBACK))
        )
        with self.tools.hold(claim) as holder:
            execution = Execution(self.tools, claim, holder)
            return await roll_back(execution, goal)

    async def drill(
        self, requested_by: str, budget_millis: int, slot: datetime | None = None
    ) -> Result:
        """Go to the last good release and come back, verified both ways, and measure it.

        Args:
            slot: when a schedule wanted it; one slot is drilled once.

        Raises:
            NoRollbackTarget, ForwardOnly, Busy, SlotTaken: the drill did not start.
            ReleaseFailed: the way back does not work; the original serves again.
        """
        records = self.tools.ledger.records()
        origin, older = serving_release(records), rollback_target(records)
        refuse_forward_only(records, older)
        body = claim_body(Goal.DRILL, older.candidate, older.spec, origin, requested_by)
        body |= {"slot": timestamp(slot) if slot else None}
        claim = await self.tools.perform(
            "claim", partial(self._append_claim, body, partial(refuse_drill, slot))
        )
        with self.tools.hold(claim) as holder:
            execution = Execution(self.tools, claim, holder)
            return await rehearse(execution, older, origin, budget_millis)

    async def recover(self) -> Result | None:
        """Finish or restore what a dead holder left; None where nothing is open.

        Raises:
            Busy: the holder lives.
            RestoreFailed: the target cannot be reached or nothing good could be verified.
        """
        claim = open_claim(self.tools.ledger.records())
        if claim is None:
            return None
        taken = await self.tools.perform("take over", partial(self._take_over, claim))
        with self.tools.hold(taken) as holder:
            execution = Execution(self.tools, taken, holder)
            await fence(execution)
            return await go_on(execution)

    async def _bring_in(self, order: Order, place: Place) -> Result:
        head = len(self.tools.ledger.records())
        try:
            plan = await self.tools.perform("plan", partial(self.plan, order))
            if self._runs_already(order, plan):
                return self._unchanged(order, plan)
            admitted = await self.tools.perform("admit", partial(self.admit, order, plan))
            await place.wait(admitted)
            approvals = await self.gate(plan)
            place.line.refuse_barging()
            claim = await self._claim(order, plan, head, admitted, approvals)
            place.line.leave()
        except Refused as refusal:
            self.tools.ledger.append(Kind.REFUSED, refusal_body(order, refusal))
            raise
        return claim if isinstance(claim, Result) else await self._carry_out(claim, order, plan)

    async def _carry_out(self, claim: OpenClaim, order: Order, plan: Plan) -> Result:
        with self.tools.hold(claim) as holder:
            execution = Execution(self.tools, claim, holder)
            previous = serving_release(self.tools.ledger.records())
            try:
                await fence(execution)
                await execution.take([self._prove(order, plan, previous)])
            except Refused as refusal:
                await close_refused(execution, previous.spec.id if previous else None, refusal)
                raise
            except Superseded:
                raise
            except Exception as error:  # noqa: BLE001 - every failure leads to the way back
                return await execution.restore(error)
            return await self._apply(execution, order, previous)

    async def _apply(
        self, execution: Execution, order: Order, previous: GoodRelease | None
    ) -> Result:
        before = previous.spec if previous else None
        try:
            await execution.take(self.tools.platform.forward(order.spec, before))
            verified = execution.verified(order.candidate, order.spec)
        except Superseded:
            raise
        except Exception as error:  # noqa: BLE001 - every failure leads to the way back
            return await execution.restore(error)
        return await execution.finish(Outcome.RELEASED, verified)

    def _prove(self, order: Order, plan: Plan, previous: GoodRelease | None) -> Step:
        """The step that refuses a stale plan and a way back that does not exist."""

        def prove(_: StepContext) -> dict[str, Any]:
            refuse_stale(plan, self.plan(order))
            return {"facts": way_back_facts(self.tools.platform, previous)}

        return Step("the way back proved", Stage.WAY_BACK, prove)

    async def _recover_abandoned(self, *, rollback: bool = False) -> None:
        """A dead holder's claim is settled first; a rollback simply outranks a deploy's."""
        claim = open_claim(self.tools.ledger.records())
        if claim is None or self.tools.lives(claim):
            return
        if rollback and claim.goal is not Goal.ROLLBACK:
            return
        await self.recover()

    async def _claim(
        self, order: Order, plan: Plan, head: int, admitted: Admitted, approvals: list[int]
    ) -> OpenClaim | Result:
        """The claim, or the result where another trigger brought the same in meanwhile."""
        previous = serving_release(self.tools.ledger.records())
        body = deploy_body(order, plan, previous, admitted, approvals)
        while True:
            try:
                check = partial(refuse_moved, order, plan, head)
                return await self.tools.perform("claim", partial(self._append_claim, body, check))
            except LedgerMoved:
                now = self.plan(order)
                if self._runs_already(order, now):
                    return self._unchanged(order, now)
                refuse_stale(plan, now)
                head = len(self.tools.ledger.records())

    def _append_claim(
        self, body: dict[str, Any], check: Callable[[list[Record]], None]
    ) -> OpenClaim:
        self.tools.observer("claim", "intended")
        record = self.tools.ledger.append(Kind.CLAIM, body, unless=check)
        self.tools.observer("claim", "recorded")
        return OpenClaim(
            token=record.number, opened=record.number, goal=Goal(body["goal"]), body=body
        )

    def _take_over(self, claim: OpenClaim) -> OpenClaim:
        def check(records: list[Record]) -> None:
            holder_of(claim.token)(records)
            if self.tools.lives(claim):
                raise busy(claim)

        record = self.tools.ledger.append(Kind.TAKEOVER, {"of": claim.token}, unless=check)
        self.tools.observer("takeover", "recorded")
        return claim.model_copy(update={"token": record.number})

    def _runs_already(self, order: Order, plan: Plan) -> bool:
        serving = serving_release(self.tools.ledger.records())
        return plan.is_empty and serving is not None and serving.candidate == order.candidate

    def _unchanged(self, order: Order, plan: Plan) -> Result:
        return Result(
            target=order.spec.target,
            outcome=Outcome.UNCHANGED,
            candidate=order.candidate,
            serving=order.spec.id,
            plan_hash=plan.hash,
        )
