"""Build the images whose inputs changed."""

from pathlib import Path

from prefect import flow

from blocks.build_tier import BuildTier
from blocks.builders.inputs import BuiltImage, PlannedImage
from tasks.build import build_image
from tasks.runs import run_name, tag_app
from tasks.told import told


@flow(name="build", flow_run_name=run_name("build", "app"))
@told
async def build(app: str, planned: list[PlannedImage], source: Path) -> list[BuiltImage]:
    """One image after the other: they share the engine's cache, and the processors.

    Args:
        source: clean checkout of the app.
    """
    await tag_app(app)
    tier = BuildTier()
    return [await build_image(tier, image, source) for image in planned]
