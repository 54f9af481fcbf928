"""What an operator wants to see of a chain: a status and a list of releases. Pure."""

from datetime import datetime

from slipway.canonical import JsonObject
from slipway.claim import Lease, OpenClaim, open_claim
from slipway.errors import NoRollbackTarget
from slipway.glass import glass_of
from slipway.history import rollback_target, serving_release
from slipway.ledger import Kind, Record
from slipway.names import short_digest
from slipway.release import Frozen, Target

ENDED = (Kind.CLAIM, Kind.REFUSED)
NEVER_BEGUN = (Kind.REFUSED, Kind.SUPERSEDED)
OPEN = "open"


class Status(Frozen):
    """One target at one moment.

    Attributes:
        serving, back: candidates (references) that serve, and that a rollback would go to.
        spec: id of the serving specification.
        held: the open claim in words, or None.
        waiting: plan hash that a gate waits for, or None.
        last: how the newest release ended.
        glass: by whom what serves was let in past its gate, while nobody else approved it.
        observed: spec id that the target says serves, `nothing`, or why it was not asked.
    """

    target: Target
    records: int
    serving: str | None
    spec: str | None
    since: str | None
    back: str | None
    held: str | None
    waiting: str | None
    last: str | None
    observed: str | None = None
    glass: str | None = None


def status_of(target: Target, records: list[Record], lease: Lease | None, *, lives: bool) -> Status:
    """The status as the ledger tells it; `lives` is whether the lease's holder does."""
    serving = serving_release(records)
    rows = releases_of(records)
    return Status(
        target=target,
        records=len(records),
        serving=serving.candidate if serving else None,
        spec=serving.spec.id if serving else None,
        since=serving.time if serving else None,
        back=_way_back(records),
        held=_held(open_claim(records), lease, lives=lives),
        waiting=_waiting(records),
        last=rows[-1].outcome if rows else None,
    )


def _way_back(records: list[Record]) -> str | None:
    try:
        return rollback_target(records).candidate
    except NoRollbackTarget:
        return None


def _held(claim: OpenClaim | None, lease: Lease | None, *, lives: bool) -> str | None:
    if claim is None:
        return None
    if lease is None or lease.token != claim.token:
        return f"{claim.goal} {claim.token}, without a lease"
    alive = "alive" if lives else "gone: slipway recover"
    return f"{claim.goal} {claim.token} by {lease.holder}, {alive}"


def _waiting(records: list[Record]) -> str | None:
    """The newest request that no claim or refusal followed."""
    for record in reversed(records):
        if record.kind in ENDED:
            return None
        if record.kind is Kind.REQUESTED:
            return str(record.body.get("plan_hash"))
    return None


class Row(Frozen):
    """One release, rollback, drill or refusal. `millis` is None while it is open.

    Attributes:
        glass: who let it in past its gate, and why; None for what was approved.
    """

    number: int
    time: str
    goal: str
    candidate: str
    outcome: str
    requested_by: str
    millis: int | None = None
    why: str | None = None
    glass: str | None = None

    @property
    def remark(self) -> str:
        """Why it ended as it did, and a broken glass before all."""
        return "; ".join(filter(None, [self.glass, self.why]))

    @property
    def short(self) -> str:
        """The candidate's digest, for people."""
        return short_digest(self.candidate.rpartition("@")[2])


def releases_of(records: list[Record]) -> list[Row]:
    """Everything that was asked of a target, oldest first."""
    rows: list[Row] = []
    for record in records:
        if record.kind is Kind.CLAIM:
            rows.append(_opened(record).model_copy(update={"glass": _glass(record, records)}))
        elif record.kind in NEVER_BEGUN:
            rows.insert(_behind_open(rows), _never_begun(record))
        elif record.kind is Kind.FAILED and rows:
            rows[-1] = rows[-1].model_copy(update={"why": _summary(record.body)})
        elif record.kind is Kind.CLOSED and rows:
            rows[-1] = _closed(rows[-1], record)
    return rows


def _opened(record: Record) -> Row:
    return Row(
        number=record.number,
        time=record.time,
        goal=str(record.body.get("goal")),
        candidate=str(record.body.get("candidate")),
        outcome=OPEN,
        requested_by=str(record.body.get("requested_by", record.actor)),
        why=record.body.get("reason"),
    )


def _glass(claim: Record, records: list[Record]) -> str | None:
    glass = glass_of(claim, records)
    return str(glass) if glass else None


def _behind_open(rows: list[Row]) -> int:
    """Where a row goes that is no claim: before the one that is open, which still gets its end."""
    return len(rows) - 1 if rows and rows[-1].outcome == OPEN else len(rows)


def _never_begun(record: Record) -> Row:
    row, outcome = _opened(record), str(record.kind)
    update = {"goal": "deploy", "outcome": outcome, "why": _summary(record.body), "millis": 0}
    return row.model_copy(update=update)


def _closed(row: Row, record: Record) -> Row:
    took = datetime.fromisoformat(record.time) - datetime.fromisoformat(row.time)
    millis = int(took.total_seconds() * 1000)
    return row.model_copy(update={"outcome": str(record.body.get("outcome")), "millis": millis})


def _summary(body: JsonObject) -> str | None:
    explanation = body.get("explanation") or {}
    summary = explanation.get("summary")
    return str(summary) if summary else None
