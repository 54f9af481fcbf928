"""What the registry knows of a source already, so that it is not made again (E7)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from blocks.build_tier import BuildTier
from blocks.builders.inputs import BuiltImage, PlannedImage
from blocks.registries.artifacts import pull_attestations
from blocks.registries.oci import Registry
from slipway.attestation import Expectations, verify_attestations
from slipway.candidate import Candidate, build_candidate
from slipway.errors import BadInput, ScanRefused, SignatureRefused
from slipway.names import Reference
from slipway.scan import Verdict
from tasks.acts import act
from tasks.build import known_image
from tasks.checkout import Work
from tasks.notes import note


@dataclass(frozen=True)
class Known:
    """A candidate that was signed before; nothing where `candidate` is None.

    Attributes:
        verdicts: those that count today and stand on the current database, by image.
    """

    candidate: Candidate | None = None
    images: tuple[BuiltImage, ...] = ()
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)

    def left_to_scan(self, images: Sequence[BuiltImage]) -> list[BuiltImage]:
        """Images without such a verdict."""
        return [image for image in images if image.name not in self.verdicts]

    @property
    def is_complete(self) -> bool:
        """Nothing is left to do."""
        return self.candidate is not None and not self.left_to_scan(self.images)


def candidate_of(work: Work, images: Mapping[str, Reference]) -> Candidate:
    """The candidate of this source and these images. Pure."""
    return build_candidate(work.appfile_data, work.checkout.source, images, bundles=work.bundles)


async def look_up(tier: BuildTier, work: Work, planned: Sequence[PlannedImage]) -> Known:
    """The candidate of this source, where all its images and its signatures are there.

    Raises:
        ScanFailed: there is no advisory database to compare with.
        Unreachable: the registry.
    """
    return await act(
        "candidate looked up", "sign", lambda: asyncio.to_thread(_look_up, tier, work, planned)
    )


def _look_up(tier: BuildTier, work: Work, planned: Sequence[PlannedImage]) -> Known:
    host = tier.host
    images = {i.name: Reference(f"{host}/{i.path}", i.digest) for i in planned if i.digest}
    if len(images) < len(planned):
        return Known()
    candidate = candidate_of(work, images)
    with tier.registry() as registry:
        verdicts = _verdicts(tier, registry, candidate)
        if verdicts is None:
            return Known()
        built = tuple(known_image(registry, i, images[i.name].digest) for i in planned)
    return Known(candidate, built, verdicts)


def _verdicts(
    tier: BuildTier, registry: Registry, candidate: Candidate
) -> Mapping[str, Verdict] | None:
    """The verdicts that stand on the current database; None where the candidate is not signed."""
    reference = candidate.reference
    if registry.head(reference.path, reference.digest) is None:
        return None
    envelopes = pull_attestations(registry, reference)
    expectations = Expectations(today=datetime.now(UTC).date())
    try:
        found = verify_attestations(candidate, envelopes, tier.trusted, expectations)
    except (SignatureRefused, ScanRefused, BadInput) as error:
        note(f"candidate {reference.short} is judged anew: {error}")
        return None
    database = tier.trivy.database()
    return {name: v for name, v in found.verdicts.items() if v.database == database}
