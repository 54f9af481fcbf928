"""The plan: the field-level difference between what runs and what a candidate wants.

Secrets show as versions, never as values. The hash binds an approval to both sides, so a target
that moved in between makes another plan.
"""

from collections.abc import Mapping

from slipway.canonical import content_digest
from slipway.errors import PlanStale
from slipway.names import ReferenceText
from slipway.platform import Observation
from slipway.release import Frozen, ReleaseSpec


class Change(Frozen):
    """One field: absent before means new, absent after means removed."""

    field: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        return f"{self.field}: {self.before or '(absent)'} -> {self.after or '(absent)'}"


class Plan(Frozen):
    """What a deploy will do, and nothing else.

    Attributes:
        hash: digest over candidate, target, everything observed and everything wanted.
    """

    candidate: ReferenceText
    spec: ReleaseSpec
    changes: tuple[Change, ...]
    hash: str

    @property
    def is_empty(self) -> bool:
        """Whether the target already runs what is wanted."""
        return not self.changes


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    """Changed fields in order of their names."""
    fields = sorted(before.keys() | after.keys())
    return tuple(
        Change(field=field, before=before.get(field), after=after.get(field))
        for field in fields
        if before.get(field) != after.get(field)
    )


def make_plan(
    candidate: str, spec: ReleaseSpec, observed: Observation, wanted: Mapping[str, str]
) -> Plan:
    """The plan for a target as observed. Pure."""
    both = {
        "candidate": candidate,
        "target": str(spec.target),
        "observed": dict(observed.fields),
        "revision": observed.revision,
        "wanted": dict(wanted),
    }
    return Plan(
        candidate=candidate,
        spec=spec,
        changes=difference(observed.fields, wanted),
        hash=content_digest(both),
    )


def refuse_stale(approved: Plan, now: Plan) -> None:
    """Raises PlanStale where the target moved since the plan was made."""
    if approved.hash == now.hash:
        return
    moved = difference(
        {change.field: str(change.before) for change in approved.changes},
        {change.field: str(change.before) for change in now.changes},
    )
    raise PlanStale(
        f"plan is stale: {approved.spec.target} changed since plan {approved.hash[7:19]} was made",
        found=", ".join(change.field for change in moved) or "another revision of the target",
        allowed="the target exactly as planned",
        next_step=f"slipway plan {approved.spec.target.app} {approved.spec.target.environment}",
    )
