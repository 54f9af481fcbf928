"""What a Prefect server is told of a chain: one event for each end, one page for each target. Pure.

Both are derived from the ledger alone, so whatever a server missed can be told later, and however
often it is told it is there once: an event's id comes from the hash of the record that it tells of.
"""

from collections.abc import Sequence
from uuid import NAMESPACE_URL, UUID, uuid5

from slipway import markdown
from slipway.canonical import JsonObject
from slipway.cli.overview import Row, releases_of
from slipway.ledger import Kind, Record
from slipway.release import Frozen, Target

EVENT = "slipway.release.ended"
ABOUT = "Releases, rollbacks, drills and refusals, as the ledger has them"
SHOWN = 50
COLUMNS = ("Record", "Time (UTC)", "What", "Candidate", "Outcome", "s", "By", "Why")
_NAMESPACE = uuid5(NAMESPACE_URL, "urn:slipway:ledger:record")


class Ending(Frozen):
    """A release, rollback or drill that ended, or a refusal.

    Attributes:
        row: what `slipway history` says of it.
        record: number of the record that ended it; `digest` is that record's hash.
        time: of that record, RFC 3339.
    """

    target: Target
    row: Row
    record: int
    digest: str
    time: str

    @property
    def event_id(self) -> UUID:
        """The same for the same record, whoever tells of it and whenever."""
        return uuid5(_NAMESPACE, f"{self.target}:{self.digest}")


def endings(target: Target, records: Sequence[Record]) -> list[Ending]:
    """Everything that ended in that environment, oldest first; what is open is left out."""
    rows = {row.number: row for row in releases_of(list(records))}
    found, opened = [], 0
    for record in records:
        opened = record.number if record.kind in (Kind.CLAIM, Kind.REFUSED) else opened
        if record.kind in (Kind.CLOSED, Kind.REFUSED) and opened in rows:
            found.append(
                Ending(
                    target=target,
                    row=rows[opened],
                    record=record.number,
                    digest=record.digest,
                    time=record.time,
                )
            )
    return found


def event(ending: Ending) -> JsonObject:
    """The event as Prefect's API takes it."""
    target, row = ending.target, ending.row
    return {
        "id": str(ending.event_id),
        "event": EVENT,
        "occurred": ending.time,
        "resource": {
            "prefect.resource.id": f"slipway.target.{target.app}.{target.environment}",
            "prefect.resource.name": str(target),
        },
        "payload": {
            **row.model_dump(mode="json", exclude={"number"}),
            "claim": row.number,
            "record": ending.record,
            "record_digest": ending.digest,
        },
    }


def page(target: Target, found: Sequence[Ending]) -> str:
    """The newest endings as a table, newest first."""
    rows = [_cells(ending.row) for ending in reversed(found[-SHOWN:])]
    head = f"# What was done to {markdown.text(target)}"
    return f"{head}\n\n{markdown.table(COLUMNS, rows)}\n"


def _cells(row: Row) -> tuple[object, ...]:
    seconds = "" if row.millis is None else f"{row.millis / 1000:.1f}"
    when = row.time[:19].replace("T", " ")
    who, why = row.requested_by, row.remark
    return row.number, when, row.goal, row.short, row.outcome, seconds, who, why
