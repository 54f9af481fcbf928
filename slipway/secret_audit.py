"""The audit of runtime secrets over all targets: age, last use, orphans, crossings.

No value is read. Pure: what was found comes in as values, and a page, events and an error come out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydantic import Field

from slipway import markdown
from slipway.access import accesses
from slipway.errors import Refused
from slipway.ledger import Kind, Record
from slipway.release import Frozen, Target, parse_spec
from slipway.secret_check import Fault, SecretRow

RED = (Fault.CROSSING, Fault.EXPIRED)
NAMED = 10


class Use(Frozen):
    """The last time a release had a secret, or read it. `time` is RFC 3339."""

    record: int
    time: str
    requested_by: str
    why: str


class TargetAudit(Frozen):
    """What was found of one target.

    Attributes:
        uses: secret name to its last use.
        unread: why the store or the candidate could not be asked, or None.
    """

    target: Target
    rows: tuple[SecretRow, ...] = ()
    uses: dict[str, Use] = Field(default_factory=dict)
    unread: str | None = None

    def names_of(self, fault: Fault) -> tuple[str, ...]:
        """The secrets that have that fault."""
        return tuple(row.name for row in self.rows if fault in row.faults)


def last_uses(records: list[Record]) -> dict[str, Use]:
    """The newest claim that had each secret, or access that read it; whichever is newer. Pure.

    A rollback to containers that are still warm has its secrets without reading them again.
    """
    found: dict[str, Use] = {}
    uses = [*_claims(records), *_reads(records)]
    for names, use in sorted(uses, key=lambda one: one[1].record):
        found |= dict.fromkeys(names, use)
    return found


def _claims(records: Iterable[Record]) -> Iterator[tuple[list[str], Use]]:
    for record in records:
        if record.kind is Kind.CLAIM:
            use = Use(
                record=record.number,
                time=record.time,
                requested_by=str(record.body.get("requested_by", record.actor)),
                why=str(record.body.get("goal")),
            )
            yield list(parse_spec(record.body["spec"]).secrets), use


def _reads(records: list[Record]) -> Iterator[tuple[list[str], Use]]:
    for read in accesses(records):
        why = f"read for {read.why}"
        yield (
            list(read.secrets),
            Use(record=read.record, time=read.time, requested_by=read.requested_by, why=why),
        )


class Finding(Frozen):
    """One class of fault in one target; what an event says. Names only."""

    fault: Fault
    target: Target
    names: tuple[str, ...]

    @property
    def event(self) -> str:
        """The event's name, as in `slipway.secrets.over-age`."""
        return f"slipway.secrets.{str(self.fault).replace(' ', '-')}"


def findings_of(audits: Iterable[TargetAudit]) -> list[Finding]:
    """One finding for each class of fault in each target."""
    return [
        Finding(fault=fault, target=audit.target, names=names)
        for audit in audits
        for fault in Fault
        if (names := audit.names_of(fault))
    ]


def refuse_red(findings: Iterable[Finding], beside: Sequence[str] = ()) -> None:
    """A crossing or an expired secret is red: nobody needs to decide whether that is right.

    What is unused or waits for its rollout may be on its way; that is told, and does not fail.

    Args:
        beside: build credentials in the same store, outside of all targets.

    Raises:
        Refused: with one line of evidence for each finding.
    """
    red = [one for one in findings if one.fault in RED]
    lines = [f"{one.target}: {one.fault}: {', '.join(one.names)}" for one in red]
    lines += [f"beside the targets: {Fault.CROSSING}: {', '.join(beside)}"] if beside else []
    if lines:
        raise Refused(
            f"the audit of runtime secrets found {len(lines)} things that must not be: {lines[0]}",
            evidence=lines[:NAMED],
            allowed="no build credential among runtime secrets, none older than its maximum age",
            next_step="slipway secrets check APP ENVIRONMENT tells what to do",
        )


def key(app: str) -> str:
    """Key of an app's artifact. Pure."""
    return f"secrets--{app}"


def by_app(audits: Iterable[TargetAudit]) -> Mapping[str, list[TargetAudit]]:
    """The audits of each app, in order."""
    found: dict[str, list[TargetAudit]] = {}
    for audit in audits:
        found.setdefault(audit.target.app, []).append(audit)
    return found


def page(app: str, audits: Iterable[TargetAudit], beside: Sequence[str] = ()) -> str:
    """What an operator reads of an app's secrets: names, versions and dates."""
    parts = [f"# Runtime secrets of {markdown.text(app)}"]
    for audit in audits:
        parts.append(f"## {markdown.text(audit.target.environment)}")
        parts.append(_table(audit) if audit.unread is None else _unread(audit))
    if beside:
        named = ", ".join(markdown.text(name) for name in beside)
        parts.append(f"## Beside the targets\n\nBuild credentials in the same store: {named}")
    return "\n\n".join(parts) + "\n"


def _unread(audit: TargetAudit) -> str:
    return f"Not audited: {markdown.text(audit.unread)}"


def _table(audit: TargetAudit) -> str:
    if not audit.rows:
        return "No secrets."
    columns = ["Secret", "Owner", "Version", "Days", "At most", "Last used (UTC)", "By", "Found"]
    return markdown.table(columns, [_cells(row, audit.uses.get(row.name)) for row in audit.rows])


def _cells(row: SecretRow, use: Use | None) -> list[object]:
    days = ["" if one is None else one for one in (row.age_days, row.maximum_age_days)]
    found = ", ".join(row.faults) or "well"
    return [
        row.name,
        row.owner or "nobody",
        row.version or "none",
        *days,
        *_use_cells(use),
        found,
    ]


def _use_cells(use: Use | None) -> list[object]:
    if use is None:
        return ["never", ""]
    return [use.time[:16].replace("T", " "), f"{use.requested_by}, {use.why} {use.record}"]
