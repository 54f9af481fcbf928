"""A gate that opens through two doors: the form of the paused run, and the ledger.

Both lead to the same place: a signed approval becomes a record, and only records open a gate. So
pressing the button proves nothing, and `slipway approve` works with this server down.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.exceptions import FlowPauseTimeout, Pause, PrefectException
from prefect.flow_runs import apause_flow_run, aresume_flow_run
from prefect.states import Running

from slipway import markdown
from slipway.errors import ApprovalRefused, SignatureRefused
from slipway.explanations import printable
from slipway.gatekeeper import Gatekeeper, hand_in
from slipway.ledger import Kind, Record
from slipway.opening import SameRelease
from slipway.plan import Plan
from slipway.quantities import format_duration
from tasks.forms import ApprovalForm

SPARE_SECONDS = 60
MATTERS = frozenset({Kind.APPROVAL, Kind.CLAIM})
ELSEWHERE = "the ledger moved"
SERVER_ERRORS = (httpx.HTTPError, PrefectException, FlowPauseTimeout, RuntimeError, OSError)


async def open_gate(keeper: Gatekeeper, contents: str, plan: Plan) -> list[int]:
    """Wait at the gate; numbers of the approval records. A `partial` of it is an `Engine.gate`.

    Args:
        contents: of the order; another trigger with the same contents ends this wait.

    Raises:
        ApprovalRefused, ApprovalTimeout: the gate stayed closed.
        SameRelease: another trigger carries out, or carried out, the same release.
    """
    given = {item.name: getattr(keeper, item.name) for item in fields(keeper)}
    return await FormGatekeeper(**given, plan=plan, contents=contents)(plan)


def taken(records: list[Record], plan_hash: str, contents: str) -> bool:
    """Whether a claim with these contents was opened since the gate was asked. Pure."""
    for record in reversed(records):
        if record.kind is Kind.CLAIM and record.body.get("contents") == contents:
            return True
        if record.kind is Kind.REQUESTED and record.body.get("plan_hash") == plan_hash:
            return False
    return False


@dataclass(frozen=True, kw_only=True)
class FormGatekeeper(Gatekeeper):
    """A gatekeeper that pauses the run with a form while it waits."""

    plan: Plan
    contents: str

    async def new_records(self, seen: int, ends: datetime) -> int:
        """Return once something that matters came, through whichever door, or time is over."""
        ledger = asyncio.create_task(self._watch(seen, ends))
        form = asyncio.create_task(self._form(ends))
        try:
            await asyncio.wait({ledger, form}, return_when=asyncio.FIRST_COMPLETED)
            if ledger.done() and not form.done() and self.ledger.steady() <= ends:
                await self._close_form(form)
            if not self._took(form) and not ledger.done():
                await ledger
        finally:
            ledger.cancel()
            form.cancel()
        records = self.ledger.records()
        if taken(records, self.plan.hash, self.contents):
            raise SameRelease("another trigger carries out the same release")
        return len(records)

    async def _watch(self, seen: int, ends: datetime) -> None:
        """Another release may fill the chain meanwhile; its steps leave the form as it is."""
        while self.ledger.steady() <= ends:
            count = await Gatekeeper.new_records(self, seen, ends)
            if any(record.kind in MATTERS for record in self.ledger.records()[seen:]):
                return
            seen = count

    async def _form(self, ends: datetime) -> str | None:
        """What somebody put into the form; None where no server shows it."""
        left = ends - self.ledger.steady()
        about = markdown.gate(self.plan, f"within {_in_words(left)}")
        form = ApprovalForm.with_initial_data(description=about)
        try:
            # Longer than the gate's own time: a pause that ends by itself hides the reason.
            seconds = int(left.total_seconds()) + SPARE_SECONDS
            answer = await apause_flow_run(form, timeout=seconds, poll_interval=1)
        except (*SERVER_ERRORS, Pause) as error:
            get_run_logger().warning("no form (%s); the ledger is watched", type(error).__name__)
            return None
        return str(answer.approval)

    def _took(self, form: "asyncio.Task[str | None]") -> bool:
        """Whether somebody answered the form. Whoever it was, only the signature counts."""
        text = form.result() if form.done() and not form.cancelled() else None
        if text is None or text == ELSEWHERE:
            return text is not None
        try:
            record = hand_in(self.ledger, text, self.signers)
        except (SignatureRefused, ApprovalRefused) as error:
            self.note(f"not an approval: {printable(str(error))}")
        else:
            self.note(f"approval recorded as record {record.number}")
        return True

    async def _close_form(self, form: "asyncio.Task[str | None]") -> None:
        """The ledger was first: let the run go on, so that the UI does not show it as paused."""
        context = FlowRunContext.get()
        if context is None or context.flow_run is None:
            return
        run_id = context.flow_run.id
        with suppress(*SERVER_ERRORS, ValueError):
            await aresume_flow_run(run_id, run_input={"approval": ELSEWHERE})
            await asyncio.wait({form}, timeout=5)
        if not form.done():
            # The form was about to open; nobody will read it, so the run must not stay paused.
            form.cancel()
            with suppress(*SERVER_ERRORS):
                async with get_client() as client:
                    await client.set_flow_run_state(run_id, Running(), force=True)


def _in_words(left: timedelta) -> str:
    """Whole minutes, or seconds where they are few."""
    unit = timedelta(minutes=1) if left >= timedelta(minutes=2) else timedelta(seconds=1)
    return format_duration(unit * (left // unit))
