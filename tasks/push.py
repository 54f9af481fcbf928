"""Images into the registry, under the key of their inputs; the digest is the registry's answer."""

import asyncio
import re
from dataclasses import dataclass

from blocks.build_tier import BuildTier
from blocks.builders.engine import push
from blocks.builders.inputs import BuiltImage, PlannedImage
from blocks.builders.keys import remember
from slipway.candidate import Candidate
from slipway.errors import BadInput
from slipway.names import Reference
from slipway.patience import patiently
from tasks.acts import act
from tasks.checkout import Work
from tasks.notes import note

LATEST = "latest"
_SEMVER = re.compile(r"v?(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}(?:-[0-9A-Za-z.-]{1,60})?")


async def push_image(tier: BuildTier, planned: PlannedImage, image: BuiltImage) -> Reference:
    """The image's reference by digest; one that was reused is there already.

    Raises:
        TagMoved, AccessDenied, Unreachable: see `blocks.builders.engine.push`.
    """
    if image.digest:
        return Reference(f"{tier.host}/{image.path}", image.digest)
    return await act(
        f"image {image.name} pushed",
        "push",
        lambda: asyncio.to_thread(push_to_registry, tier, planned, image),
    )


def push_to_registry(tier: BuildTier, planned: PlannedImage, image: BuiltImage) -> Reference:
    """The reference of the pushed image; a push that breaks off is taken again, a few times."""
    with tier.registry() as registry:
        digest = patiently(
            lambda: push(tier.engine, registry, image.path, image.image_id, tier.credentials),
            lambda why: note(f"image {image.name}: {why}"),
        )
        reference = Reference(f"{tier.host}/{image.path}", digest)
        remember(registry, reference, planned.inputs, tier.key)
        return reference


@dataclass(frozen=True, slots=True)
class Tags:
    """Tags for people; nothing is ever deployed by them. Only `latest` moves.

    Attributes:
        fixed: the commit, and a semantic version where one was given.
        latest: whether `latest` follows; not for uncommitted changes.
    """

    fixed: tuple[str, ...]
    latest: bool


def check_version(version: str) -> str:
    """The version, where it is a semantic one.

    Raises:
        BadInput: it is something else.
    """
    if not _SEMVER.fullmatch(version):
        raise BadInput(
            "version is not a semantic version",
            found=ascii(version[:80]),
            allowed="v1.2.3 or 1.2.3-rc.1",
            stage="checkout",
        )
    return version


def convenience_tags(work: Work, version: str | None) -> Tags:
    """The tags of a run.

    Raises:
        BadInput: the version is not a semantic version.
    """
    given = () if version is None else (check_version(version),)
    return Tags((work.version, *given), latest=not work.checkout.changed)


async def tag_all(tier: BuildTier, candidate: Candidate, tags: Tags) -> None:
    """Give the candidate and its images their tags.

    Raises:
        TagMoved: a fixed tag names something else.
    """
    await act("tags set", "push", lambda: asyncio.to_thread(_tag, tier, candidate, tags))


def _tag(tier: BuildTier, candidate: Candidate, tags: Tags) -> None:
    references = [candidate.reference, *candidate.images.values()]
    with tier.registry() as registry:
        for reference in references:
            for tag in tags.fixed:
                registry.tag(reference.path, reference.digest, tag)
        for reference in references if tags.latest else ():
            registry.tag(reference.path, reference.digest, LATEST, moves=True)
