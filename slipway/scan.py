"""Judging a scan: a report of one image against the policy of the app file. Pure, fails closed.

A verdict names the digest it speaks of, the database it stands on and the policy it was made by, so
that it can be signed, kept beside the candidate, and checked again on the day of a release.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from slipway.canonical import content_digest
from slipway.errors import ScanFailed, ScanRefused
from slipway.names import Digest, Name
from slipway.oci import not_ours
from slipway.release import Frozen
from slipway.scan_policy import ScanPolicy, Severity, Suppression
from slipway.strict_yaml import visible

WARN_DAYS = 7
_CLOCK_SKEW_DAYS = 1

Visible = Annotated[str, AfterValidator(visible)]


class Finding(Frozen):
    """One vulnerability of one package, as the scanner reported it."""

    id: Visible
    package: Visible
    installed: Visible
    fixed: Visible | None = None
    severity: Severity
    title: Visible = ""

    def __str__(self) -> str:
        way_out = f"fixed in {self.fixed}" if self.fixed else "no fix yet"
        return f"{self.severity} {self.id} in {self.package} {self.installed} ({way_out})"


class Database(Frozen):
    """The advisories that a scan knows.

    Attributes:
        updated: when its makers put it together, in UTC.
        demo: a small one made for the demo; every verdict says so.
    """

    name: Visible
    version: Visible
    updated: datetime
    demo: bool = False


class Report(Frozen):
    """What a scanner found in one image.

    Attributes:
        image: name of the image in the app file.
        digest: the image's digest in the registry; the scanner looked at exactly this.
        scanner: name and version.
        packages: how many packages it recognised; none means that it saw nothing.
    """

    image: Name
    digest: Digest
    scanner: Visible
    database: Database
    packages: Annotated[int, Field(ge=0)]
    findings: tuple[Finding, ...] = ()


class Suppressed(Frozen):
    """A finding that somebody answers for."""

    finding: Finding
    owner: Visible
    reason: Visible
    expires: date


class Verdict(Frozen):
    """Whether an image may be released, and why.

    Attributes:
        reasons: why it does not pass; empty where it does.
        warnings: what people should know although it passes.
        counts: findings by severity, before any suppression.
        policy: digest of the policy it was made by.
        judged: the day.
    """

    version: Literal[1] = 1
    image: Name
    digest: Digest
    passed: bool
    reasons: tuple[Visible, ...] = ()
    warnings: tuple[Visible, ...] = ()
    counts: dict[Severity, int] = Field(default_factory=dict)
    blocking: tuple[Finding, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    scanner: Visible
    database: Database
    policy: Digest
    judged: date


def policy_digest(policy: ScanPolicy) -> str:
    """Names the policy, so that a verdict made by another one is noticed."""
    return content_digest(policy.model_dump(mode="json"))


def judge(report: Report, policy: ScanPolicy, today: date) -> Verdict:
    """The verdict on a report. Pure.

    It passes only where the scanner recognised packages, its database is no older than the policy
    allows, and no finding blocks: of a severity of the policy, fixed by a newer version (unless the
    policy also blocks the others), and not suppressed up to today.
    """
    relevant = [finding for finding in report.findings if _counts(finding, policy)]
    answers = [(finding, _answer(finding, report.image, policy, today)) for finding in relevant]
    blocking = [finding for finding, answer in answers if answer is None]
    reasons = [*_doubts(report, policy, today), *_blocked(blocking, report.image, policy)]
    return Verdict(
        image=report.image,
        digest=report.digest,
        passed=not reasons,
        reasons=tuple(reasons),
        warnings=tuple(_warnings(report, policy, today)),
        counts=dict(Counter(finding.severity for finding in report.findings)),
        blocking=tuple(blocking),
        suppressed=tuple(_suppressed(finding, answer) for finding, answer in answers if answer),
        scanner=report.scanner,
        database=report.database,
        policy=policy_digest(policy),
        judged=today,
    )


def refuse_failing(verdicts: Sequence[Verdict]) -> None:
    """Raises ScanRefused where a verdict does not pass, with every reason as evidence."""
    failing = [verdict for verdict in verdicts if not verdict.passed]
    if failing:
        reasons = [f"{v.image}: {reason}" for v in failing for reason in v.reasons]
        raise ScanRefused(
            f"scan of {', '.join(v.image for v in failing)} does not pass",
            found=reasons[0] if len(reasons) == 1 else f"{len(reasons)} reasons",
            allowed="the policy in slipway.yaml under scan",
            evidence=reasons,
            next_step="update the package, or suppress it with owner, reason, end and image",
        )


def parse_verdict(data: bytes) -> Verdict:
    """A verdict out of its JSON.

    Raises:
        ScanFailed: not a verdict.
    """
    try:
        return Verdict.model_validate_json(data, strict=True)
    except ValidationError as error:
        raise ScanFailed(
            "the scan verdict cannot be read", found=not_ours("it", error).found
        ) from None


def _counts(finding: Finding, policy: ScanPolicy) -> bool:
    return finding.severity in policy.severities and bool(finding.fixed or not policy.fixed_only)


def _answer(finding: Finding, image: str, policy: ScanPolicy, today: date) -> Suppression | None:
    covering = (s for s in policy.suppressions if s.covers(finding.id, image))
    return next((s for s in covering if s.expires >= today), None)


def _suppressed(finding: Finding, answer: Suppression) -> Suppressed:
    return Suppressed(
        finding=finding, owner=answer.owner, reason=answer.reason, expires=answer.expires
    )


def _doubts(report: Report, policy: ScanPolicy, today: date) -> Iterator[str]:
    """Why the report itself proves nothing."""
    if report.packages == 0:
        yield "the scanner recognised no package in the image, so it proves nothing"
    age = (today - report.database.updated.date()).days
    oldest = policy.database_maximum_age.days
    if age > oldest:
        yield f"the advisory database is {age} days old; the policy allows {oldest}"
    if age < -_CLOCK_SKEW_DAYS:
        yield f"the advisory database is dated {-age} days ahead; one of the clocks is wrong"


def _blocked(blocking: Sequence[Finding], image: str, policy: ScanPolicy) -> Iterator[str]:
    for finding in blocking:
        ended = [s for s in policy.suppressions if s.covers(finding.id, image)]
        told = f"; its suppression by {ended[-1].owner} ended {ended[-1].expires}" if ended else ""
        yield f"{finding}{told}"


def _warnings(report: Report, policy: ScanPolicy, today: date) -> Iterator[str]:
    if report.database.demo:
        yield "judged by the small advisory database of the demo, which proves nothing"
    if not policy.severities:
        yield "the policy blocks no severity, it only reports"
    found = {finding.id for finding in report.findings}
    for suppression in policy.suppressions:
        if suppression.image not in ("*", report.image):
            continue
        left = (suppression.expires - today).days
        if suppression.id not in found:
            yield f"suppression of {suppression.id} matches nothing any more; remove it"
        elif 0 <= left <= WARN_DAYS:
            yield f"suppression of {suppression.id} by {suppression.owner} ends in {left} days"
