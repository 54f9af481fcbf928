"""Candidates and their attestations in a registry.

Attestations lie as layers of one artifact under the tag `sha256-HEX.att` beside the candidate, the
tag scheme of cosign, since not every registry has the referrers API. They are only ever added.
"""

import base64
import json
from collections.abc import Sequence

from blocks.registries.oci import Manifest, Registry
from slipway.candidate import Candidate, read_candidate
from slipway.dsse import LONGEST_ENVELOPE
from slipway.errors import BadInput, TagMoved
from slipway.names import Reference
from slipway.oci import MANIFEST_TYPE, Blob, manifest

ENVELOPE_TYPE = "application/vnd.dsse.envelope.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_PREDICATE = "predicateType"
_ROUNDS = 5


def attestation_tag(digest: str) -> str:
    """`sha256:abc` has its attestations under `sha256-abc.att`. Pure."""
    return digest.replace(":", "-") + ".att"


def push_candidate(registry: Registry, candidate: Candidate) -> Reference:
    """Push a candidate; one that is there already is left alone.

    Raises:
        TagMoved: the commit's tag names another candidate.
    """
    reference = candidate.reference
    for blob in candidate.blobs():
        registry.put_blob(reference.path, blob.data, blob.media_type)
    tag = candidate.source.revision
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


def push_attestations(
    registry: Registry, reference: Reference, envelopes: Sequence[bytes]
) -> str | None:
    """Add envelopes to those that are there; the digest of the artifact that holds them all.

    Raises:
        TagMoved: others kept writing at the same moment.
    """
    tag = attestation_tag(reference.digest)
    for envelope in envelopes:
        registry.put_blob(reference.path, envelope, ENVELOPE_TYPE)
    moved: TagMoved | None = None
    for _ in range(_ROUNDS):
        existing = _manifest(registry, reference)
        layers = _layers(existing)
        known = {layer["digest"] for layer in layers}
        added = [_layer(e) for e in envelopes if Blob(ENVELOPE_TYPE, e).digest not in known]
        if existing and not added:
            return existing.digest
        content = manifest(_config(registry, reference), [*layers, *added])
        replaces = existing.digest if existing else None
        try:
            return registry.put_manifest(
                reference.path, content, MANIFEST_TYPE, tag, replaces=replaces
            )
        except TagMoved as error:
            moved = error
    raise moved or AssertionError


def pull_attestations(registry: Registry, reference: Reference) -> list[bytes]:
    """The envelopes of a candidate, unverified; empty where there are none.

    Raises:
        Tampered: an envelope's bytes are not what the manifest says.
        BadInput: an envelope is too large.
    """
    found = _manifest(registry, reference)
    envelopes = []
    for layer in found.layers if found else []:
        if layer.media_type != ENVELOPE_TYPE:
            continue
        if layer.size > LONGEST_ENVELOPE:
            raise BadInput("attestation is too large", found=f"{layer.size} bytes")
        envelopes.append(registry.blob(reference.path, layer.digest))
    return envelopes


def _manifest(registry: Registry, reference: Reference) -> Manifest | None:
    tag = attestation_tag(reference.digest)
    digest = registry.head(reference.path, tag)
    return registry.manifest(reference.path, digest) if digest else None


def _layers(existing: Manifest | None) -> list[dict[str, object]]:
    return list(existing.body.get("layers", [])) if existing else []


def _layer(envelope: bytes) -> dict[str, object]:
    predicate = _predicate_type(envelope)
    annotations = {_PREDICATE: predicate} if predicate else None
    return Blob(ENVELOPE_TYPE, envelope).descriptor(annotations)


def _predicate_type(envelope: bytes) -> str | None:
    """For people and for cosign, which lists attestations by it; nothing here trusts it."""
    payload = base64.b64decode(json.loads(envelope).get("payload", ""))
    found = json.loads(payload).get(_PREDICATE)
    return found if isinstance(found, str) else None


def _config(registry: Registry, reference: Reference) -> Blob:
    """The empty image config that cosign writes as well."""
    value = {"architecture": "", "os": "", "config": {}, "rootfs": {"type": "layers"}}
    blob = Blob(CONFIG_TYPE, json.dumps({**value, "created": "0001-01-01T00:00:00Z"}).encode())
    registry.put_blob(reference.path, blob.data, blob.media_type)
    return blob
