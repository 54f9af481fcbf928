"""Push images; their digests are the registry's own answers."""

from prefect import flow

from blocks.build_tier import BuildTier
from blocks.builders.inputs import BuiltImage, PlannedImage
from slipway.names import Reference
from tasks.push import push_image
from tasks.runs import run_name, tag_app
from tasks.told import told


@flow(name="push", flow_run_name=run_name("push", "app"))
@told
async def push(
    app: str, planned: list[PlannedImage], images: list[BuiltImage]
) -> dict[str, Reference]:
    """References by image name; an image that the registry holds is not pushed again."""
    await tag_app(app)
    tier = BuildTier()
    return {
        image.name: await push_image(tier, plan, image)
        for plan, image in zip(planned, images, strict=True)
    }
