"""Who read which secret, in which version, and why: a record before a value is handed out.

It is durable before the first value leaves its store, so that no death hides an access. Names and
versions alone are told; no value, and nothing that tells of one.
"""

from collections.abc import Mapping
from typing import Any

from slipway.canonical import JsonObject
from slipway.ledger import Kind, Record
from slipway.names import Actor
from slipway.release import Frozen

FORMAT_CHECKED = "format checked"


class Access(Frozen):
    """One access, as the ledger has it.

    Attributes:
        record: number of its record; `time` is RFC 3339 in UTC.
        actor: who read, as the process that carried the release out is called.
        requested_by: on whose behalf.
        why: `deploy`, `rollback`, `drill`, or `format checked` before a release is admitted.
        stage: the stage of the release, as in `apply` or `restore`.
        candidate: reference of the candidate that the values are for.
        secrets: name to version.
    """

    record: int
    time: str
    actor: Actor
    requested_by: str
    why: str
    stage: str
    candidate: str
    secrets: dict[str, str]


def access_body(
    why: str, stage: str, candidate: str, requested_by: str, secrets: Mapping[str, str]
) -> JsonObject:
    """Body of an access record. Pure."""
    return {
        "why": why,
        "stage": stage,
        "candidate": candidate,
        "requested_by": requested_by,
        "secrets": dict(sorted(secrets.items())),
    }


def accesses(records: list[Record]) -> list[Access]:
    """Every access on record, oldest first. Pure."""
    return [_access(record) for record in records if record.kind is Kind.ACCESS]


def _access(record: Record) -> Access:
    told: dict[str, Any] = {key: record.body[key] for key in _TOLD}
    return Access(record=record.number, time=record.time, actor=record.actor, **told)


_TOLD = ("why", "stage", "candidate", "requested_by", "secrets")
