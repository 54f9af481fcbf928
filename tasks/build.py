"""Images out of the clean checkout; those of unchanged inputs are not built again."""

import tempfile
from pathlib import Path

from blocks.build_tier import BuildTier
from blocks.builders.inputs import BuiltImage, PlannedImage
from blocks.registries.oci import Registry
from slipway.errors import ImageMissing
from tasks.acts import act
from tasks.notes import note


async def build_image(tier: BuildTier, planned: PlannedImage, app: Path) -> BuiltImage:
    """The image, built now or known from before.

    Raises:
        SlipwayError: as `DockerBuilder.build`.
    """
    if planned.digest:
        note(f"{planned.name}: inputs unchanged, {planned.digest[:19]} is not built again")
        with tier.registry() as registry:
            return known_image(registry, planned, planned.digest)
    return await act(f"image {planned.name} built", "build", lambda: _build(tier, planned, app))


def known_image(registry: Registry, planned: PlannedImage, digest: str) -> BuiltImage:
    """An image that the registry holds, with the id that binds a scan to it."""
    image_id = registry.manifest(planned.path, digest).config_digest
    if image_id is None:
        raise ImageMissing(f"{planned.path}@{digest} is no image", stage="build")
    return BuiltImage(
        name=planned.name,
        path=planned.path,
        key_tag=planned.inputs.tag,
        image_id=image_id,
        digest=digest,
    )


async def _build(tier: BuildTier, planned: PlannedImage, app: Path) -> BuiltImage:
    with tempfile.TemporaryDirectory(prefix="slipway-build-") as scratch:
        return await tier.builder.build(planned, app, Path(scratch), tier.host, note)
