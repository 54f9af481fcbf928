"""Carrying out one claim: steps, commit, and the way back when a step fails."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

from slipway.access import access_body
from slipway.canonical import canonical_json
from slipway.claim import LEASE_SECONDS, Goal, Holder, OpenClaim, holder_lives
from slipway.errors import (
    AnalysisUnclear,
    ReleaseFailed,
    RestoreFailed,
    Retryable,
    SlipwayError,
    StepFailed,
)
from slipway.explanations import Explanation, explain
from slipway.history import GoodRelease, Outcome, releases_to_keep, serving_release, ways_back
from slipway.interruption import Interruption
from slipway.journal import Journal, Observer, no_observer
from slipway.ledger import Kind, Ledger, Record, timestamp
from slipway.names import short_digest
from slipway.patience import PAUSES
from slipway.platform import Platform, Stage, Step, StepContext
from slipway.release import Frozen, ReleaseSpec, Target, parse_spec
from slipway.secret import SecretReader

T = TypeVar("T")
QUARANTINE = timedelta(days=30)
FORWARD_ONLY = (
    "the release is forward only: what its migration changed in the data stays; only the code "
    "goes back, to what ran on that data until traffic moved, and is verified"
)


class Perform(Protocol):
    """The door through which each visible step runs: directly, or as a Prefect task."""

    def __call__(self, name: str, act: Callable[[], T]) -> Awaitable[T]:
        """Run the act, in a thread, under that name; its error comes back unchanged."""


async def directly(name: str, act: Callable[[], T]) -> T:  # noqa: ARG001
    """The door of the command line."""
    return await asyncio.to_thread(act)


class Result(Frozen):
    """How a release ended.

    Attributes:
        serving: spec id that serves now, or None.
        token: the claim's number, or None where nothing was claimed.
        receipt: digest of the receipt in the evidence store, or None.
    """

    target: Target
    outcome: Outcome
    candidate: str
    serving: str | None
    token: int | None = None
    plan_hash: str | None = None
    receipt: str | None = None
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class Tools:
    """What an execution works with.

    Attributes:
        receipt: writes the receipt of a verified release; its digest.
        after_close: called once a claim is closed, as for a checkpoint.
        note: one line of progress for the operator.
        lease_seconds: how long a holder counts as alive after its last sign of life.
        pauses: seconds between the tries of a step that is unreachable.
        interruption: an operator's wish to stop; the command line requests it at Ctrl-C.
    """

    platform: Platform
    ledger: Ledger
    secrets: SecretReader
    perform: Perform = directly
    observer: Observer = no_observer
    note: Callable[[str], None] = field(default=lambda line: None)
    receipt: Callable[[OpenClaim, Record, Sequence[Record]], str | None] = field(
        default=lambda claim, verified, records: None
    )
    after_close: Callable[[Record], None] = field(default=lambda closed: None)
    lease_seconds: float = LEASE_SECONDS
    interruption: Interruption = field(default_factory=Interruption)
    pauses: Sequence[float] = PAUSES

    def hold(self, claim: OpenClaim) -> Holder:
        """Keeps the claim alive while it is carried out."""
        return Holder(self.ledger, claim.token, self.lease_seconds)

    def lives(self, claim: OpenClaim) -> bool:
        """Whether the claim's holder still renews its lease."""
        return holder_lives(self.ledger, claim, self.lease_seconds)


class Execution:
    """One holder at work. Every write goes through its journal."""

    def __init__(self, tools: Tools, claim: OpenClaim, holder: Holder) -> None:
        self.tools = tools
        self.claim = claim
        self.journal = Journal(tools.ledger, claim.token, tools.observer, tools.pauses)
        self.context = StepContext(
            check=self._check,
            note=tools.note,
            token=claim.token,
            secrets=tools.secrets,
            candidate=claim.body["candidate"],
            accessing=self._accessing,
        )
        self._holder = holder
        self.wanted = parse_spec(claim.body["spec"])
        self.target = self.wanted.target
        self.stage = Stage.CLAIM

    def _check(self) -> None:
        self._holder.check()
        self.tools.interruption.check()

    def _accessing(self, candidate: str, versions: Mapping[str, str]) -> None:
        requested_by = str(self.claim.body.get("requested_by", ""))
        why, stage = str(self.claim.goal), str(self.stage)
        body = access_body(why, stage, candidate, requested_by, versions)
        self.journal.record(Kind.ACCESS, body)

    async def take(
        self, steps: Sequence[Step], stage: Stage | None = None, candidate: str | None = None
    ) -> None:
        """Take the steps in order; `stage` overrides theirs, as while restoring."""
        context = replace(self.context, candidate=candidate) if candidate else self.context
        for planned in steps:
            step = replace(planned, stage=stage) if stage else planned
            self.stage = step.stage
            await self.tools.perform(step.name, partial(self.journal.run, step, context))

    async def reach(self, release: GoodRelease, stage: Stage | None = None) -> Record:
        """Make the release serve, verified; the record that says so."""
        forward = self.tools.platform.forward(release.spec, None)
        steps = [step for step in forward if step.stage is not Stage.ANALYSE]
        await self.take(steps, stage, release.candidate)
        return self.verified(release.candidate, release.spec)

    def verified(self, candidate: str, spec: ReleaseSpec) -> Record:
        """Commit the specification as last verified good."""
        body = {"candidate": candidate, "spec": spec.model_dump(mode="json")}
        return self.journal.record(Kind.VERIFIED, body)

    async def finish(
        self,
        outcome: Outcome,
        verified: Record | None,
        explanation: Explanation | None = None,
        **closing: Any,
    ) -> Result:
        """Retire what nothing needs any more, close the claim, sign what happened."""
        receipt = self._receipt(verified) if outcome is Outcome.RELEASED else None
        serving = parse_spec(verified.body["spec"]) if verified else None
        if serving:
            await self._retire(serving)
        body = {
            "outcome": str(outcome),
            "serving": serving.id if serving else closing.pop("still_serving", None),
            "receipt": receipt,
            "explanation": explanation.model_dump(mode="json") if explanation else None,
            **closing,
        }
        closed = self.journal.record(Kind.CLOSED, body)
        self.tools.after_close(closed)
        return Result(
            target=self.target,
            outcome=outcome,
            candidate=self.claim.body["candidate"],
            serving=body["serving"],
            token=self.claim.token,
            plan_hash=self.claim.body.get("plan_hash"),
            receipt=receipt,
            explanation=explanation,
        )

    def _receipt(self, verified: Record | None) -> str | None:
        if verified is None:
            return None
        return self.tools.receipt(self.claim, verified, self.tools.ledger.records())

    async def _retire(self, serving: ReleaseSpec) -> None:
        keep = releases_to_keep(self.tools.ledger.records(), serving)
        try:
            await self.take(self.tools.platform.retire(self.target, keep))
        except (StepFailed, Retryable) as error:
            self.tools.note(f"old containers stay until the next release: {error}")

    async def restore(self, error: BaseException) -> Result:
        """Keep the evidence, return to the last good release, quarantine, close.

        Raises:
            ReleaseFailed: always, once the last good release serves again or nothing was served.
            RestoreFailed: no good release could be verified, or the target cannot be reached; then
                the claim stays open and recovery goes on later.
            Superseded: a newer holder took over.
        """
        explanation = self._explained(error)
        evidence = await self.tools.perform("evidence kept", self._keep_evidence)
        self._quarantine(error, explanation)
        self._failed(self.wanted, explanation, evidence)
        try:
            bad = [self.wanted.id] if isinstance(error, StepFailed) else []
            result = await self.go_back(explanation, bad)
        except Retryable as unreachable:
            raise RestoreFailed(
                f"{self.target} could not be restored yet: {unreachable.message}",
                found=explanation.summary,
                next_step=f"slipway recover {self.target.app} {self.target.environment}",
                stage=str(Stage.RESTORE),
            ) from error
        raise self._final_error(result, explanation) from error

    async def go_back(
        self, explanation: Explanation | None = None, bad: Sequence[str] = ()
    ) -> Result:
        """Return to the best release that can be verified; close the claim with what serves.

        Args:
            bad: spec ids that may be no rollback target from now on.
        """
        bad = [*bad, *filter(None, [self.claim.body.get("leaving")])]
        for release in ways_back(self.tools.ledger.records(), self.claim):
            try:
                verified = await self.reach(release, Stage.RESTORE)
            except StepFailed as error:
                self._failed(release.spec, explain(error, str(self.stage), self.target), [])
                bad.append(release.spec.id)
            else:
                return await self.finish(Outcome.RESTORED, verified, explanation, rolled_back=bad)
        return await self._nothing_to_go_back_to(explanation)

    async def _nothing_to_go_back_to(self, explanation: Explanation | None) -> Result:
        """The first release ever is removed; a rollback without another way leaves what serves."""
        if self.claim.body.get("previous"):
            serving = self.tools.platform.observe(self.target).serving
            return await self.finish(Outcome.FAILED, None, explanation, still_serving=serving)
        await self.take(self.tools.platform.retire(self.target, []), Stage.RESTORE)
        return await self.finish(Outcome.REMOVED, None, explanation)

    def _explained(self, error: BaseException) -> Explanation:
        """What failed; of a forward-only release also what the way back does not undo."""
        found = explain(error, str(self.stage), self.target)
        begun = self.stage not in (Stage.CLAIM, Stage.WAY_BACK)
        if not (begun and self.wanted.migration and self.claim.goal is Goal.DEPLOY):
            return found
        return found.model_copy(update={"evidence": (*found.evidence, FORWARD_ONLY)})

    def _keep_evidence(self) -> list[dict[str, str]]:
        kept = []
        for piece in self.tools.platform.evidence(self.wanted):
            data = canonical_json({"name": piece.name, "lines": list(piece.lines)})
            digest = self.tools.ledger.store.keep_evidence(self.target, data)
            kept.append({"name": piece.name, "digest": digest})
        return kept

    def _failed(
        self, spec: ReleaseSpec, explanation: Explanation, evidence: list[dict[str, str]]
    ) -> None:
        body = {
            "spec_id": spec.id,
            "explanation": explanation.model_dump(mode="json"),
            "evidence": evidence,
        }
        self.journal.record(Kind.FAILED, body)

    def _quarantine(self, error: BaseException, explanation: Explanation) -> None:
        """A candidate that served until now is not at fault: its secrets or its config changed.

        Nor is one that could not be judged.
        """
        candidate = self.claim.body["candidate"]
        served = serving_release(self.tools.ledger.records())
        if served and served.candidate == candidate:
            return
        is_at_fault = isinstance(error, StepFailed) and not isinstance(error, AnalysisUnclear)
        if is_at_fault and self.claim.goal is Goal.DEPLOY:
            self.quarantine(candidate, f"{explanation.summary}"[:300])

    def quarantine(self, candidate: str, reason: str) -> None:
        """Refuse the candidate everywhere until pardoned or expired."""
        expires = timestamp(self.tools.ledger.clock() + QUARANTINE)
        body = {"candidate": candidate, "reason": reason, "expires": expires}
        self.journal.record(Kind.QUARANTINE, body)

    def _final_error(self, result: Result, explanation: Explanation) -> SlipwayError:
        failed = short_digest(self.claim.body["candidate"].partition("@")[2])
        kind = RestoreFailed if result.outcome is Outcome.FAILED else ReleaseFailed
        now = {
            Outcome.RESTORED: f"release {result.serving} serves again",
            Outcome.REMOVED: "it was the first release and was removed",
        }.get(result.outcome, f"no other good release could be verified; {result.serving} serves")
        return kind(
            f"{self.claim.goal} of {failed} to {self.target} failed: {explanation.summary}; {now}",
            next_step=explanation.next_command,
            evidence=explanation.evidence,
            cause=explanation.cause,
            stage=explanation.stage,
        )
