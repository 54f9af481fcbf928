"""The artifact that carries a candidate's attestations in the registry.

DSSE envelopes are the layers of one manifest at the tag `sha256-<hex>.att` of the candidate's
repository, the way cosign does it, since many registries have no referrers API.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass

from slipway.canonical import JsonObject, canonical_json
from slipway.errors import BadInput
from slipway.oci import Blob, Descriptor, Fetch, manifest, read_blob, read_manifest
from slipway.statement import parse_statement

ENVELOPE_TYPE = "application/vnd.dsse.envelope.v1+json"
ENVELOPE_BYTES = 32 * 1024 * 1024
_CONFIG = Blob(
    "application/vnd.oci.image.config.v1+json",
    canonical_json(
        {
            "architecture": "",
            "config": {},
            "created": "0001-01-01T00:00:00Z",
            "os": "",
            "rootfs": {"type": "layers", "diff_ids": []},
        }
    ),
)


@dataclass(frozen=True, slots=True)
class Attachment:
    """The artifact that carries envelopes beside a candidate.

    Attributes:
        blobs: what to push first; layers that were there already are not among them.
        manifest: canonical bytes of the OCI manifest.
    """

    blobs: tuple[Blob, ...]
    manifest: bytes


def attachment_tag(digest: str) -> str:
    """Where the attestations of a digest lie: `sha256-<hex>.att`."""
    return digest.replace(":", "-") + ".att"


def attach(envelopes: Sequence[bytes], existing: bytes | None = None) -> Attachment:
    """The artifact with these envelopes besides those of the existing manifest. Pure.

    Attestations are only ever added; the same ones added twice give the same manifest.

    Raises:
        BadInput: an envelope holds no statement, or the existing manifest is of another shape.
    """
    layers = [_descriptor(layer) for layer in _layers(existing)]
    known = {layer["digest"] for layer in layers}
    new = {blob.digest: blob for blob in (Blob(ENVELOPE_TYPE, e) for e in envelopes)}
    added = [blob for digest, blob in new.items() if digest not in known]
    layers += [blob.descriptor(_annotations(blob.data)) for blob in added]
    return Attachment((_CONFIG, *added), manifest(_CONFIG, layers))


def read_attachment(manifest_data: bytes, fetch: Fetch) -> list[bytes]:
    """The envelopes of an artifact in a registry, unverified.

    Raises:
        BadInput: not the artifact that `attach` makes.
        Tampered: an envelope's bytes are not what the manifest says.
    """
    return [
        read_blob(fetch, layer, ENVELOPE_BYTES, "attestation")
        for layer in _layers(manifest_data)
        if layer.mediaType == ENVELOPE_TYPE
    ]


def _layers(manifest_data: bytes | None) -> tuple[Descriptor, ...]:
    if manifest_data is None:
        return ()
    return read_manifest(manifest_data, "attestations").layers


def _descriptor(layer: Descriptor) -> JsonObject:
    return layer.model_dump(mode="json", exclude_none=True)


def _annotations(envelope: bytes) -> dict[str, str]:
    """As cosign writes them, which lists attestations by type."""
    return {"predicateType": _claimed_type(envelope), "dev.cosignproject.cosign/signature": ""}


def _claimed_type(envelope: bytes) -> str:
    """What the envelope says it holds; a label only, nothing is decided by it."""
    try:
        payload = base64.b64decode(json.loads(envelope)["payload"], validate=True)
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput("the attestation is no DSSE envelope", found=type(error).__name__) from error
    return parse_statement(payload).predicate_type
