"""Scan images for known vulnerabilities and list what is in them."""

import asyncio

from prefect import flow

from blocks.build_tier import BuildTier
from blocks.builders.inputs import BuiltImage
from blocks.scanners.trivy import Scanned
from tasks.runs import run_name, tag_app
from tasks.scan import scan_image
from tasks.told import told


@flow(name="scan", flow_run_name=run_name("scan", "app"))
@told
async def scan(app: str, images: list[BuiltImage]) -> dict[str, Scanned]:
    """Findings and SBOM by image name; the verdict follows once the digests are known."""
    await tag_app(app)
    tier = BuildTier()
    scanned = await asyncio.gather(*(scan_image(tier, image) for image in images))
    return {image.name: scan for image, scan in zip(images, scanned, strict=True)}
