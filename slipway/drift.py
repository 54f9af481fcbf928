"""Does a target run what the ledger says? What differs, who changed it, and what brings it back.

Only `look` reads ledger and target; the rest is pure. Nothing here changes either: no claim, no
fence, no lease.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from slipway import markdown
from slipway.claim import open_claim
from slipway.errors import Cause, Refused
from slipway.execution import Tools
from slipway.glass import Glass, open_glass
from slipway.history import GoodRelease, serving_release
from slipway.ledger import Record
from slipway.plan import Change, difference
from slipway.platform import KnowsManagers, Observation
from slipway.release import Frozen, Target

EVENT = "slipway.drift.found"
SERVING = "serving"
GATE = "gate"
NOTHING = "nothing"
ABSENT = "(absent)"
BY_HAND = "(set by hand, not shown)"
NAMED = 10
COLUMNS = ("Field", "Wanted", "Found", "Changed by")


class Drift(Frozen):
    """One field that is not as released.

    Attributes:
        wanted, found: as text; None where the field is absent.
        manager: who changed it, where the platform knows.
    """

    field: str
    wanted: str | None
    found: str | None
    manager: str | None = None

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """Field, wanted, found, changed by."""
        return self.field, self.wanted or ABSENT, self.found or ABSENT, self.manager or ""

    def __str__(self) -> str:
        field, wanted, found, manager = self.cells
        return f"{field}: wanted {wanted}, found {found}" + (f", by {manager}" if manager else "")


class TargetDrift(Frozen):
    """What was found of one target.

    Attributes:
        candidate: reference of the release that should serve, or None.
        skipped: why there is nothing to compare with, or None.
        unread: why the target could not be asked, or None.
        glass: by which what serves came past its gate, until others approve it; else None.
    """

    target: Target
    candidate: str | None = None
    fields: tuple[Drift, ...] = ()
    skipped: str | None = None
    unread: str | None = None
    glass: Glass | None = None

    @property
    def verdict(self) -> str:
        """In a word or two."""
        if self.unread is not None:
            return f"not compared: {self.unread}"
        if self.skipped is not None:
            return f"not compared: {self.skipped}"
        return f"{len(self.fields)} fields differ" if self.fields else "as recorded"

    @property
    def next_command(self) -> str:
        """What brings the release back, through gate and verification as any other.

        A deploy never takes a field from another manager; a way back does.
        """
        where = f"{self.target.app} {self.target.environment}"
        if self.glass and [one.field for one in self.fields] == [GATE]:
            return (
                f"slipway approve {self.glass.candidate} --app {self.target.app} "
                f"--environment {self.target.environment} --plan {self.glass.plan} --key KEY, by "
                "somebody else, or release what is approved"
            )
        if any(one.manager for one in self.fields):
            return f"undo it where it was made, or slipway rollback {where} takes the fields back"
        return f"slipway deploy {self.candidate} {self.target.environment}"


def look(target: Target, tools: Tools, signers: Path | None = None) -> TargetDrift:
    """What differs on the target from the release that the ledger says serves.

    Args:
        signers: the allowed-signers file, to tell a broken glass that nobody approved since. Not
            looked for without.

    Raises:
        SlipwayError: the ledger is not sound, or the target does not answer.
    """
    release = serving_or_why(tools.ledger.records())
    if isinstance(release, str):
        return TargetDrift(target=target, skipped=release)
    fields = _differing(release, tools)
    # What a release did while the target was read is not drift.
    after = serving_or_why(tools.ledger.records())
    if isinstance(after, str) or after.record != release.record:
        why = after if isinstance(after, str) else "another release was verified meanwhile"
        return TargetDrift(target=target, skipped=why)
    now = tools.ledger.clock()
    glass = open_glass(tools.ledger.records(), signers, now) if signers else None
    if glass:
        fields = (*fields, Drift(field=GATE, wanted="approved", found=str(glass)))
    return TargetDrift(target=target, candidate=release.candidate, fields=fields, glass=glass)


def _differing(release: GoodRelease, tools: Tools) -> tuple[Drift, ...]:
    platform, target = tools.platform, release.spec.target
    fields = drift_of(release, platform.render(release.spec), platform.observe(target))
    if not fields or not isinstance(platform, KnowsManagers):
        return fields
    return with_managers(fields, platform.managers(target, [one.field for one in fields]))


def serving_or_why(records: list[Record]) -> GoodRelease | str:
    """The release to compare with, or why there is none: half a rollout is no drift."""
    if claim := open_claim(records):
        return f"{claim.goal} {claim.token} is open"
    return serving_release(records) or "no verified release serves"


def drift_of(
    release: GoodRelease, wanted: Mapping[str, str], observed: Observation
) -> tuple[Drift, ...]:
    """Fields in order of their names. Where nothing serves, that alone tells."""
    changes = list(difference(observed.fields, wanted))
    if observed.serving != release.spec.id:
        serves = Change(field=SERVING, before=observed.serving or NOTHING, after=release.spec.id)
        changes = [serves, *changes] if observed.serving else [serves]
    return tuple(Drift(field=one.field, wanted=one.after, found=_shown(one)) for one in changes)


def _shown(change: Change) -> str | None:
    """A variable that no app file declares may hold anything, a password too."""
    is_added = change.after is None and ".config." in change.field
    return BY_HAND if is_added else change.before


def with_managers(fields: Iterable[Drift], managers: Mapping[str, str]) -> tuple[Drift, ...]:
    """The same fields with who changed each, where that is known."""
    return tuple(one.model_copy(update={"manager": managers.get(one.field)}) for one in fields)


def refuse_drift(found: Iterable[TargetDrift]) -> None:
    """Raises Refused, with a line of evidence for each field, where anything differs."""
    drifted = [one for one in found if one.fields]
    lines = [f"{one.target}: {field}" for one in drifted for field in one.fields]
    if not drifted:
        return
    raise Refused(
        f"{len(lines)} fields differ from the verified release: {lines[0]}",
        evidence=lines[:NAMED],
        allowed="what the ledger says that serves",
        next_step=drifted[0].next_command,
        cause=Cause.CONFLICT,
    )


def facts(found: TargetDrift) -> dict[str, object]:
    """What an event says of a target that drifted."""
    return {
        "candidate": found.candidate,
        "fields": [one.model_dump(mode="json") for one in found.fields],
        "next": found.next_command,
    }


def key(app: str) -> str:
    """Key of an app's artifact."""
    return f"drift--{app}"


def by_app(found: Iterable[TargetDrift]) -> Mapping[str, list[TargetDrift]]:
    """What was found of each app, in order."""
    apps: dict[str, list[TargetDrift]] = {}
    for one in found:
        apps.setdefault(one.target.app, []).append(one)
    return apps


def page(app: str, found: Sequence[TargetDrift]) -> str:
    """What an operator reads of an app's environments."""
    parts = [f"# What runs of {markdown.text(app)}, against the ledger"]
    for one in found:
        parts += [f"## {markdown.text(one.target.environment)}", _section(one)]
    return "\n\n".join(parts) + "\n"


def _section(found: TargetDrift) -> str:
    if not found.fields:
        return markdown.text(found.verdict)
    table = markdown.table(COLUMNS, [one.cells for one in found.fields])
    return f"{table}\n\nNext: {markdown.text(found.next_command)}"
