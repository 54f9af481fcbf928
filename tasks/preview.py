"""A build for people to look at: with no credential, so that anybody's change may be built."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from blocks.build_tier import BuildTier
from blocks.builders.docker import plan_image
from blocks.builders.inputs import BuiltImage, PlannedImage
from blocks.scanners.trivy import Scanned
from slipway.names import Reference
from slipway.scan import Verdict, refuse_failing
from slipway.settings import build_settings
from tasks.acts import act
from tasks.checkout import Work
from tasks.handover import Output
from tasks.known import candidate_of
from tasks.sign import judge

NOTHING = {
    "signing_key": Path(os.devnull),
    **dict.fromkeys(("registry_username", "registry_password", "registry_password_file")),
}


def preview_tier() -> BuildTier:
    """An agent that can neither push nor sign, whatever its environment holds.

    Raises:
        BadInput: as `build_settings`.
    """
    return BuildTier(build_settings(**NOTHING))


async def plan_anew(tier: BuildTier, work: Work) -> list[PlannedImage]:
    """What decides each image; the registry is not asked for what was built before.

    Raises:
        SlipwayError: as `plan_image`.
    """
    return await act("images planned", "build", lambda: asyncio.to_thread(_plan, tier, work))


def _plan(tier: BuildTier, work: Work) -> list[PlannedImage]:
    return [plan_image(work.tree, work.appfile, name, tier.bases) for name in work.appfile.images]


async def judge_unpushed(
    tier: BuildTier,
    work: Work,
    images: Sequence[BuiltImage],
    scanned: Sequence[Scanned],
    output: Output,
) -> list[Verdict]:
    """The verdict on each image, bound to its id in the engine; written and shown.

    Raises:
        ScanRefused: a verdict does not pass.
    """
    ids = {image.name: Reference(f"{tier.host}/{image.path}", image.image_id) for image in images}
    by_name = {image.name: scan for image, scan in zip(images, scanned, strict=True)}
    verdicts = await judge(work.appfile.scan, candidate_of(work, ids), by_name, output)
    refuse_failing(verdicts)
    return verdicts
