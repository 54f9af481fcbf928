"""Candidates and their attestations in a registry.

Attestations lie as layers of one artifact under the tag `sha256-HEX.att` beside the candidate, the
tag scheme of cosign, since not every registry has the referrers API. They are only ever added.
"""

from collections.abc import Sequence

from blocks.registries.oci import Manifest, Registry
from slipway.attachment import attach, attachment_tag, read_attachment
from slipway.candidate import Candidate, read_candidate
from slipway.errors import TagMoved
from slipway.names import Reference
from slipway.oci import MANIFEST_TYPE

_ROUNDS = 5


def push_candidate(registry: Registry, candidate: Candidate, tag: str) -> Reference:
    """Push a candidate; one that is there already is left alone.

    Raises:
        TagMoved: the tag, which is the commit's, names another candidate.
    """
    reference = candidate.reference
    for blob in candidate.blobs():
        registry.put_blob(reference.path, blob.data, blob.media_type)
    registry.put_manifest(reference.path, candidate.manifest(), MANIFEST_TYPE, tag)
    return reference


def pull_candidate(registry: Registry, reference: Reference) -> Candidate:
    """A candidate, held to its digest.

    Raises:
        ImageMissing: the registry does not hold it.
        Tampered, BadInput: its bytes are not what the digest says, or are no candidate.
    """
    found = registry.manifest(reference.path, reference.digest)
    return read_candidate(
        reference, found.content, lambda digest: registry.blob(reference.path, digest)
    )


def push_attestations(registry: Registry, reference: Reference, envelopes: Sequence[bytes]) -> str:
    """Add envelopes to those that are there; the digest of the artifact that holds them all.

    Raises:
        TagMoved: others kept writing at the same moment.
    """
    tag = attachment_tag(reference.digest)
    moved: TagMoved | None = None
    for _ in range(_ROUNDS):
        existing = _manifest(registry, reference)
        attachment = attach(envelopes, existing.content if existing else None)
        for blob in attachment.blobs:
            registry.put_blob(reference.path, blob.data, blob.media_type)
        replaces = existing.digest if existing else None
        try:
            return registry.put_manifest(
                reference.path, attachment.manifest, MANIFEST_TYPE, tag, replaces=replaces
            )
        except TagMoved as error:
            moved = error
    raise moved or AssertionError


def pull_attestations(registry: Registry, reference: Reference) -> list[bytes]:
    """The envelopes of a candidate, unverified; empty where there are none.

    Raises:
        Tampered: an envelope's bytes are not what the manifest says.
        BadInput: the artifact is not of Slipway's shape, or an envelope is too large.
    """
    found = _manifest(registry, reference)
    if found is None:
        return []
    return read_attachment(found.content, lambda digest: registry.blob(reference.path, digest))


def _manifest(registry: Registry, reference: Reference) -> Manifest | None:
    digest = registry.head(reference.path, attachment_tag(reference.digest))
    return registry.manifest(reference.path, digest) if digest else None
