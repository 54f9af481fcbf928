"""Scans: each image as it lies in the engine, or straight from the registry when it was reused."""

from blocks.build_tier import BuildTier
from blocks.builders.inputs import BuiltImage
from blocks.scanners.trivy import Scanned, Subject
from tasks.acts import act
from tasks.notes import note


async def scan_image(tier: BuildTier, image: BuiltImage) -> Scanned:
    """Findings and SBOM of one image.

    Raises:
        ScanFailed, DeadlineExceeded, Refused: nothing passes without a scan.
    """
    subject = scan_subject(tier, image)
    return await act(
        f"image {image.name} scanned",
        "scan",
        lambda: tier.trivy.scan(subject, tier.credentials, note),
    )


def scan_subject(tier: BuildTier, image: BuiltImage) -> Subject:
    """Where the scanner finds the image."""
    if image.digest is None:
        return Subject(reference=image.image_id, image_id=image.image_id)
    return Subject(
        reference=f"{tier.host}/{image.path}@{image.digest}",
        image_id=image.image_id,
        remote=True,
        insecure=tier.is_insecure,
    )
