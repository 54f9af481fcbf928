"""The audit of runtime secrets: each target looked at, shown in the UI, told as events."""

from collections.abc import Mapping, Sequence
from functools import partial

from prefect.artifacts import acreate_markdown_artifact
from prefect.events import emit_event

from blocks.compose import Installation
from blocks.secrets.chosen import PREFECT
from slipway.appfile import Secret
from slipway.errors import SlipwayError
from slipway.history import serving_release
from slipway.ledger import utc_now
from slipway.release import Target
from slipway.secret_audit import (
    Finding,
    TargetAudit,
    by_app,
    findings_of,
    key,
    last_uses,
    page,
    refuse_red,
)
from slipway.secret_check import Held, judge_secrets, pins_of
from slipway.secret_tiers import Tier, tier_of
from tasks.notes import note
from tasks.server import best_effort
from tasks.steps import perform


async def audit_each(installation: Installation, app: str | None) -> list[str]:
    """One line for each target. What cannot be read hides no other target: it is raised last.

    Raises:
        Refused: a crossing, or a secret that is over age.
        SlipwayError: the first store or candidate that could not be asked.
    """
    targets = [one for one in installation.store.targets() if app in (None, one.app)]
    errors: list[SlipwayError] = []
    audits = [await _audited(installation, target, errors) for target in targets]
    beside = await _looked_beside(installation, errors)
    findings = findings_of(audits)
    await _publish(audits, beside)
    await _tell(findings)
    refuse_red(findings, beside)
    if errors:
        raise errors[0]
    return [_line(audit) for audit in audits]


async def _audited(
    installation: Installation, target: Target, errors: list[SlipwayError]
) -> TargetAudit:
    try:
        return await perform(f"{target} audited", partial(audit_target, installation, target))
    except SlipwayError as error:
        errors.append(error)
        return TargetAudit(target=target, unread=error.message)


def audit_target(installation: Installation, target: Target) -> TargetAudit:
    """What is found of one target; no value is read.

    Raises:
        Unreachable, AccessDenied, SlipwayError: the store's or the registry's answer.
    """
    records = installation.ledger(target).records()
    serving = serving_release(records)
    schema: Mapping[str, Secret] = {}
    if serving and serving.spec.secrets:
        schema = installation.candidate(serving.candidate).appfile.secrets
    store = installation.secrets(target)
    held = [Held(store.state(name)) for name in store.names()]
    rows = judge_secrets(schema, held, pins_of(records), utc_now())
    return TargetAudit(target=target, rows=tuple(rows), uses=last_uses(records))


async def _looked_beside(installation: Installation, errors: list[SlipwayError]) -> list[str]:
    try:
        return await perform("beside the targets", partial(_beside, installation))
    except SlipwayError as error:
        errors.append(error)
        return []


def _beside(installation: Installation) -> list[str]:
    """Build credentials among the Secret blocks that belong to no target."""
    if installation.settings.secrets != PREFECT:
        return []
    from blocks.secrets.former import FormerBlocks

    return [name for name in FormerBlocks().names() if tier_of(name) is Tier.BUILD]


async def _publish(audits: Sequence[TargetAudit], beside: Sequence[str]) -> None:
    for app, own in by_app(audits).items():
        async with best_effort("secrets artifact"):
            await acreate_markdown_artifact(
                key=key(app),
                markdown=page(app, own, beside),
                description="Age, last use and owner of runtime secrets; never a value",
            )


async def _tell(findings: Sequence[Finding]) -> None:
    for one in findings:
        note(f"{one.target}: {one.fault}: {', '.join(one.names)}")
        async with best_effort("secrets event"):
            emit_event(
                event=one.event,
                resource={
                    "prefect.resource.id": f"slipway.target.{one.target.app}."
                    f"{one.target.environment}",
                    "prefect.resource.name": str(one.target),
                },
                payload={"fault": str(one.fault), "secrets": list(one.names)},
            )


def _line(audit: TargetAudit) -> str:
    wrong = sum(1 for row in audit.rows if row.faults)
    return f"{audit.target}: {len(audit.rows)} secrets, {wrong} with findings"
