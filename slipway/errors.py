"""The one tree of errors. Final errors need a person or another input; retryable ones may pass.

SlipwayError
|-- Final
|   |-- BadInput                exit 2   what was given is wrong; nothing was changed
|   |-- Refused                 exit 3   a rule says no; nothing was changed
|   |   |-- PlanStale           the target moved between plan and apply
|   |   |-- WayBackMissing      the previous release could not be restored
|   |   |-- NoRollbackTarget    the ledger holds no verified release to go to
|   |   |-- ForwardOnly         the way back leads over data that a release migrated for good
|   |   |-- Quarantined         the candidate failed before
|   |   |-- CandidateStale      the candidate is older than what serves
|   |   |-- ScanRefused         the scan verdict is missing, foreign or failing
|   |   |-- SignatureRefused    an attestation, receipt or approval does not verify
|   |   |-- ApprovalRefused     the gate was denied or stays closed
|   |   |-- ApprovalTimeout     nobody opened the gate in time
|   |   |-- ReceiptMissing      the environment before has not verified this candidate
|   |   |-- TagMoved            a tag names another digest than expected
|   |   |-- KeyReused           an idempotency key was used with other contents
|   |-- StepFailed              exit 4   a step failed on the target
|   |   |-- ImageMissing, CrashLoop, OutOfMemory, ProbeFailed, DeadlineExceeded,
|   |   |-- VerificationFailed, SecretMissing, BuildFailed, TestsFailed, ScanFailed
|   |   |-- AnalysisFailed          a check of the release measured worse than its limits
|   |   |-- AnalysisUnclear         it could not be judged; the candidate is not quarantined
|   |-- ReleaseFailed           exit 4   the release failed and the last good one serves again
|   |-- RestoreFailed           exit 5   the release failed and so did the way back
|   |-- Interrupted             exit 4   an operator stopped it; the last good one serves again
|   |-- Superseded              exit 6   a newer holder took over; this one may write no more
|   |-- LedgerTampered          exit 7   a record is not what was written
|-- Retryable
    |-- Unreachable             exit 8   a server, engine or store did not answer
    |-- Busy                    exit 9   another release holds the environment
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import ClassVar


class Cause(StrEnum):
    """The class of what went wrong, as operators sort incidents."""

    INPUT = "bad input"
    POLICY = "policy"
    CONFLICT = "conflict"
    IMAGE = "image pull"
    CRASH = "crash loop"
    MEMORY = "out of memory"
    PROBE = "probe"
    TIMEOUT = "timeout"
    VERIFICATION = "verification"
    PERMISSION = "permission"
    QUOTA = "quota"
    SECRET = "secret"  # noqa: S105 - the name of a cause
    NETWORK = "network"
    BUILD = "build"
    TEST = "test"
    SCAN = "scan"
    TAMPERING = "tampering"
    BUG = "bug"


class SlipwayError(Exception):
    """Root of the tree.

    Args:
        message: what is wrong, naming the thing; never a secret's value.
        found: what was found, where that helps.
        allowed: what would have been right.
        next_step: the command or act that comes next.
        evidence: lines that prove it (log lines, events), oldest first.
        cause: overrides the class of the cause.
        stage: the stage that failed, where it is known.
    """

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False
    default_cause: ClassVar[Cause] = Cause.BUG

    def __init__(
        self,
        message: str,
        *,
        found: str | None = None,
        allowed: str | None = None,
        next_step: str | None = None,
        evidence: Iterable[str] = (),
        cause: Cause | None = None,
        stage: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.found = found
        self.allowed = allowed
        self.next_step = next_step
        self.evidence = tuple(evidence)
        self.cause = cause or self.default_cause
        self.stage = stage

    def __str__(self) -> str:
        parts = [self.message]
        if self.found is not None:
            parts.append(f"found: {self.found}")
        if self.allowed is not None:
            parts.append(f"allowed: {self.allowed}")
        return "; ".join(parts)


class Final(SlipwayError):
    """Trying again changes nothing."""


class Retryable(SlipwayError):
    """The same call may go through later."""

    retryable = True


class BadInput(Final, ValueError):
    """Also a ValueError, so that pydantic adds the path of the field."""

    exit_code = 2
    default_cause = Cause.INPUT


class Refused(Final):
    exit_code = 3
    default_cause = Cause.POLICY


class PlanStale(Refused):
    default_cause = Cause.CONFLICT


class WayBackMissing(Refused): ...


class NoRollbackTarget(Refused): ...


class ForwardOnly(Refused): ...


class Quarantined(Refused): ...


class CandidateStale(Refused):
    default_cause = Cause.CONFLICT


class ScanRefused(Refused):
    default_cause = Cause.SCAN


class SignatureRefused(Refused):
    default_cause = Cause.TAMPERING


class ApprovalRefused(Refused): ...


class ApprovalTimeout(Refused):
    default_cause = Cause.TIMEOUT


class ReceiptMissing(Refused): ...


class TagMoved(Refused):
    default_cause = Cause.CONFLICT


class KeyReused(Refused):
    default_cause = Cause.CONFLICT


class AccessDenied(Refused):
    default_cause = Cause.PERMISSION


class Tampered(Refused):
    default_cause = Cause.TAMPERING


class StepFailed(Final):
    exit_code = 4
    default_cause = Cause.VERIFICATION


class ImageMissing(StepFailed):
    default_cause = Cause.IMAGE


class CrashLoop(StepFailed):
    default_cause = Cause.CRASH


class OutOfMemory(StepFailed):
    default_cause = Cause.MEMORY


class ProbeFailed(StepFailed):
    default_cause = Cause.PROBE


class DeadlineExceeded(StepFailed):
    default_cause = Cause.TIMEOUT


class VerificationFailed(StepFailed): ...


class SecretMissing(StepFailed):
    default_cause = Cause.SECRET


class BuildFailed(StepFailed):
    default_cause = Cause.BUILD


class TestsFailed(StepFailed):
    __test__ = False
    default_cause = Cause.TEST


class ScanFailed(StepFailed):
    default_cause = Cause.SCAN


class AnalysisFailed(StepFailed): ...


class AnalysisUnclear(StepFailed): ...


class ReleaseFailed(Final):
    exit_code = 4
    default_cause = Cause.VERIFICATION


class Interrupted(Final):
    exit_code = 4
    default_cause = Cause.CONFLICT


class RestoreFailed(Final):
    exit_code = 5
    default_cause = Cause.VERIFICATION


class Superseded(Final):
    exit_code = 6
    default_cause = Cause.CONFLICT


class LedgerTampered(Final):
    exit_code = 7
    default_cause = Cause.TAMPERING


class Unreachable(Retryable):
    exit_code = 8
    default_cause = Cause.NETWORK


class Busy(Retryable):
    exit_code = 9
    default_cause = Cause.CONFLICT
