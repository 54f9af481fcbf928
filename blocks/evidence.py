"""What the registry can prove of a candidate: its attestations, fetched and verified."""

from collections.abc import Callable
from contextlib import closing
from datetime import date

from blocks.registries.oci import Registry
from slipway.attachment import attachment_tag, read_attachment
from slipway.attestation import Evidence, Expectations, build_began, verify_attestations
from slipway.candidate import Candidate
from slipway.dsse import public_keys
from slipway.errors import ImageMissing, SignatureRefused
from slipway.settings import RuntimeSettings


def supply_evidence(
    candidate: Candidate,
    connect: Callable[[str], Registry],
    settings: RuntimeSettings,
    today: date,
) -> Evidence:
    """What admits the candidate: who built it, what was scanned, signed by a trusted key.

    Raises:
        SignatureRefused, ScanRefused: something is missing or speaks of something else.
        Unreachable: the registry or the trusted keys cannot be read.
    """
    keys = public_keys(settings.trusted_keys_folder)
    with closing(connect(candidate.reference.registry)) as registry:
        envelopes = fetch_envelopes(candidate, registry)
    return verify_attestations(candidate, envelopes, keys, Expectations(today=today))


def build_time(
    candidate: Candidate, connect: Callable[[str], Registry], settings: RuntimeSettings
) -> str | None:
    """When the candidate's signed build began, RFC 3339; None where nothing trusted says so.

    Raises:
        SignatureRefused: it carries no attestations.
        Unreachable: the registry or the trusted keys cannot be read.
    """
    keys = public_keys(settings.trusted_keys_folder)
    with closing(connect(candidate.reference.registry)) as registry:
        return build_began(candidate, fetch_envelopes(candidate, registry), keys)


def fetch_envelopes(candidate: Candidate, registry: Registry) -> list[bytes]:
    """The envelopes attached to the candidate, unverified.

    Raises:
        SignatureRefused: there are none.
    """
    path = candidate.reference.path
    try:
        manifest = registry.manifest(path, attachment_tag(candidate.digest))
    except ImageMissing as error:
        raise SignatureRefused(
            f"candidate {candidate.reference.short} carries no attestations",
            found=f"no tag {attachment_tag(candidate.digest)} in {path}",
            next_step="integrate the commit again; deploy only what integrate handed over",
        ) from error
    return read_attachment(manifest.content, lambda digest: registry.blob(path, digest))
