"""The drift watch: each target compared with its ledger, shown in the UI, told as events."""

from collections.abc import Sequence
from functools import partial

from prefect.artifacts import acreate_markdown_artifact
from prefect.events import emit_event

from blocks.compose import Installation
from slipway.drift import (
    EVENT,
    TargetDrift,
    by_app,
    facts,
    key,
    look,
    page,
    refuse_drift,
)
from slipway.errors import SlipwayError
from slipway.release import Target
from tasks.notes import note
from tasks.server import best_effort
from tasks.steps import perform


async def watch_each(installation: Installation, app: str | None) -> list[str]:
    """One line for each target. What cannot be asked hides no other target: it is raised last.

    Raises:
        Refused: a target differs from its ledger.
        SlipwayError: the first target that could not be asked.
    """
    targets = [one for one in installation.store.targets() if app in (None, one.app)]
    errors: list[SlipwayError] = []
    found = [await _looked(installation, target, errors) for target in targets]
    await _publish(found)
    for one in found:
        if one.fields:
            await _tell(one)
    refuse_drift(found)
    if errors:
        raise errors[0]
    return [f"{one.target}: {one.verdict}" for one in found]


async def _looked(
    installation: Installation, target: Target, errors: list[SlipwayError]
) -> TargetDrift:
    try:
        return await perform(f"{target} compared", partial(compared, installation, target))
    except SlipwayError as error:
        errors.append(error)
        return TargetDrift(target=target, unread=error.message)


def compared(installation: Installation, target: Target) -> TargetDrift:
    """See `look`. The platform is opened here, so that a failure to do so is of this target."""
    signers = installation.settings.allowed_signers_file
    return look(target, installation.engine(target).tools, signers)


async def _publish(found: Sequence[TargetDrift]) -> None:
    for app, own in by_app(found).items():
        async with best_effort("drift artifact"):
            await acreate_markdown_artifact(
                key=key(app),
                markdown=page(app, own),
                description="Fields that differ from the verified release, and who changed them",
            )


async def _tell(found: TargetDrift) -> None:
    for one in found.fields:
        note(f"{found.target}: {one}")
    async with best_effort("drift event"):
        emit_event(
            event=EVENT,
            resource={
                "prefect.resource.id": f"slipway.target.{found.target.app}."
                f"{found.target.environment}",
                "prefect.resource.name": str(found.target),
            },
            payload=facts(found),
        )
