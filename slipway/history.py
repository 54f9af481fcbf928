"""What the records say happened: decisions as pure functions on a chain.

Bodies read here are written by `slipway.engine`: claims and verified records hold `candidate` and
`spec`; closed records hold `outcome`, `serving` and, in `rolled_back`,
the spec ids that failed or were left for good.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from slipway.claim import Goal, OpenClaim, open_claim
from slipway.errors import ForwardOnly, KeyReused, NoRollbackTarget, Quarantined, ReceiptMissing
from slipway.ledger import Kind, Record
from slipway.names import parse_reference
from slipway.platform import Stage
from slipway.release import Frozen, ReleaseSpec, parse_spec


class Outcome(StrEnum):
    """How a claim ended."""

    RELEASED = "released"  # the wanted specification serves and is verified
    UNCHANGED = "unchanged"  # nothing to do; no record is written for it
    ROLLED_BACK = "rolled back"  # by request; the target of the rollback serves
    RESTORED = "restored"  # the release failed; the last good one serves again
    REMOVED = "removed"  # the first release failed and was cleaned away
    REFUSED = "refused"  # refused after the claim, before any change
    DRILLED = "drilled"  # a drill went back and forth
    FAILED = "failed"  # neither the wanted nor an older release could be verified


class GoodRelease(Frozen):
    """A release that was verified and not rolled back from since."""

    record: int
    time: str
    candidate: str
    spec: ReleaseSpec


def good_releases(records: Iterable[Record]) -> list[GoodRelease]:
    """Verified releases, each once, the newest verification last."""
    good: dict[str, GoodRelease] = {}
    for record in records:
        if record.kind is Kind.VERIFIED:
            release = GoodRelease(
                record=record.number,
                time=record.time,
                candidate=record.body["candidate"],
                spec=parse_spec(record.body["spec"]),
            )
            good.pop(release.spec.id, None)
            good[release.spec.id] = release
        elif record.kind is Kind.CLOSED:
            for spec_id in record.body.get("rolled_back", []):
                good.pop(spec_id, None)
    return list(good.values())


def analysed(records: Iterable[Record], token: int | None) -> list[str]:
    """What each check of a claim's analyses said, in order, as `NAME: VERDICT: FOUND`.

    Args:
        token: of the claim.
    """
    return [
        f"{check['name']}: {check['verdict']}: {check['said']}"
        for record in records
        if record.kind is Kind.OBSERVED
        and record.body.get("token") == token
        and record.body.get("stage") == Stage.ANALYSE
        for check in record.body["observation"].get("checks", [])
    ]


def serving_release(records: list[Record]) -> GoodRelease | None:
    """The release that the last closed claim left serving, or None."""
    for record in reversed(records):
        if record.kind is Kind.CLOSED:
            serving = record.body.get("serving")
            verified = [good for good in good_releases(records) if good.spec.id == serving]
            return verified[-1] if verified else None
    return None


def rollback_target(records: list[Record], to: str | None = None) -> GoodRelease:
    """The last verified good release other than the one that serves; never back to a bad one.

    While a deploy or drill holds the environment, what served before it counts as the target.

    Args:
        to: a candidate reference or its digest, to choose another verified release by hand.

    Raises:
        NoRollbackTarget: the ledger holds none.
    """
    left = left_behind(records)
    choices = [
        good
        for good in good_releases(records)
        if good.spec.id != (left.spec.id if left else None)
        and (to is None or good.candidate == to or good.candidate.endswith(f"@{to}"))
    ]
    if choices:
        return choices[-1]
    raise NoRollbackTarget(
        "there is no verified release to roll back to"
        + (f" for {to}" if to else " besides the one that serves"),
        found=f"{len(good_releases(records))} verified releases in the ledger",
        next_step="slipway history lists them; deploy a mended candidate instead",
    )


def left_behind(records: list[Record]) -> GoodRelease | None:
    """What a rollback would leave: what an open deploy wants, else the release that serves."""
    claim = open_claim(records)
    if claim is None or claim.goal is Goal.ROLLBACK:
        return serving_release(records)
    opening = records[claim.opened - 1]
    return GoodRelease(
        record=opening.number,
        time=opening.time,
        candidate=claim.body["candidate"],
        spec=parse_spec(claim.body["spec"]),
    )


def releases_to_keep(records: list[Record], serving: ReleaseSpec) -> list[ReleaseSpec]:
    """The serving release and the one a rollback would go to, which stays warm."""
    others = [good.spec for good in good_releases(records) if good.spec.id != serving.id]
    return [serving, *others[-1:]]


def ways_back(records: list[Record], claim: OpenClaim) -> list[GoodRelease]:
    """Releases to restore when the claim's own fails, best first.

    A deploy or drill returns to what served before it, else to older good ones. A failed rollback
    falls to older good ones and never to the release it rolls back from. None leads over a
    forward-only release that was verified since, unless the rollback accepted that; the claim's own
    is no such one, since what served before it ran on its data until traffic moved.
    """
    accepted = bool(claim.body.get("accept_forward_only"))
    before = records[: claim.opened - 1]
    serving = serving_release(before)
    wanted = parse_spec(claim.body["spec"]).id
    older = [
        good
        for good in reversed(good_releases(before))
        if good.spec.id != wanted
        and (not serving or good.spec.id != serving.spec.id)
        and (accepted or not forward_only_since(before, good.record))
    ]
    if claim.goal is Goal.ROLLBACK:
        return older
    return [serving, *older] if serving else older


def forward_only_since(records: Iterable[Record], number: int) -> list[str]:
    """Candidates of forward-only releases verified after that record, oldest first."""
    return [
        str(record.body["candidate"])
        for record in records
        if record.number > number
        and record.kind is Kind.VERIFIED
        and record.body["spec"].get("migration")
    ]


def refuse_forward_only(records: list[Record], goal: GoodRelease) -> None:
    """Raises ForwardOnly where the way back to the goal leads over a forward-only release."""
    over = forward_only_since(records, goal.record)
    if not over:
        return
    target, back = goal.spec.target, parse_reference(goal.candidate).short
    over_it = parse_reference(over[-1]).short
    raise ForwardOnly(
        f"the way back of {target} to {back} leads over {over_it}, which is forward only",
        found=f"`migration: forward-only` in the app file of {over_it}; its data stay as they are",
        allowed="a newer candidate, or this rollback with --accept-forward-only, which is recorded",
        next_step="where the older code works on the data of today: "
        f"slipway rollback {target.app} {target.environment} --accept-forward-only",
    )


class Quarantine(Frozen):
    """Why a candidate may enter no environment. `expires` is RFC 3339, None for never."""

    candidate: str
    reason: str
    expires: str | None = None


def quarantine_of(
    candidate: str, chains: Iterable[list[Record]], now: datetime
) -> Quarantine | None:
    """The quarantine in force for a candidate, in whichever environment it was put."""
    found: list[Record] = [
        record
        for records in chains
        for record in records
        if record.kind in (Kind.QUARANTINE, Kind.PARDON) and record.body["candidate"] == candidate
    ]
    if not found:
        return None
    last = max(found, key=lambda record: record.time)
    if last.kind is Kind.PARDON:
        return None
    quarantine = Quarantine.model_validate(
        {name: last.body.get(name) for name in Quarantine.model_fields}
    )
    if quarantine.expires and datetime.fromisoformat(quarantine.expires) <= now:
        return None
    return quarantine


def refuse_quarantined(quarantine: Quarantine | None) -> None:
    """Raises Quarantined where one is in force."""
    if quarantine:
        raise Quarantined(
            f"candidate {quarantine.candidate} is quarantined: {quarantine.reason}",
            found=f"quarantine until {quarantine.expires or 'pardoned'}",
            allowed="another candidate, or this one with --again, which is recorded",
            next_step="mend the app and integrate a new commit",
        )


def refuse_without_receipt(candidate: str, before: str, records: list[Record]) -> None:
    """Raises ReceiptMissing unless the environment before verified this candidate."""
    if any(
        record.kind is Kind.VERIFIED and record.body["candidate"] == candidate for record in records
    ):
        return
    raise ReceiptMissing(
        f"{before} has not verified candidate {candidate}",
        allowed=f"a candidate that {before} released and verified",
        next_step=f"release it to {before} first",
    )


def claim_with_key(records: list[Record], key: str, contents: str) -> Record | None:
    """The claim opened with this idempotency key, or None.

    Raises:
        KeyReused: the key was used with other contents.
    """
    for record in records:
        if record.kind is Kind.CLAIM and record.body.get("key") == key:
            if record.body.get("contents") == contents:
                return record
            raise KeyReused(
                f"idempotency key {key!r} was used by claim {record.number} with other contents",
                allowed="one key for one candidate, environment and configuration",
                next_step="use a new key, or leave it out",
            )
    return None
