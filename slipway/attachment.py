"""The artifact that carries a candidate's attestations in the registry.

DSSE envelopes are the layers of one manifest at the tag `sha256-<hex>.att` of the candidate's
repository, the way cosign does it, since many registries have no referrers API.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass

from slipway.candidate import Candidate
from slipway.canonical import canonical_json
from slipway.errors import BadInput
from slipway.oci import Blob, Fetch, manifest, read_blob, read_manifest
from slipway.statement import parse_statement

ENVELOPE_TYPE = "application/vnd.dsse.envelope.v1+json"
ENVELOPE_BYTES = 32 * 1024 * 1024
ENVELOPES = 100
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"


@dataclass(frozen=True, slots=True)
class Attachment:
    """The artifact that carries envelopes beside a candidate.

    Attributes:
        tag: the tag to push the manifest under.
        types: predicate type of each envelope.
    """

    tag: str
    envelopes: tuple[Blob, ...]
    types: tuple[str, ...]

    def blobs(self) -> tuple[Blob, ...]:
        """Everything to push before the manifest."""
        return (self._config(), *self.envelopes)

    def manifest(self) -> bytes:
        """Canonical bytes of the OCI manifest."""
        layers = [
            blob.descriptor({"predicateType": kind, "dev.cosignproject.cosign/signature": ""})
            for blob, kind in zip(self.envelopes, self.types, strict=True)
        ]
        return manifest(self._config(), layers)

    def _config(self) -> Blob:
        layers = [blob.digest for blob in self.envelopes]
        value = {
            "architecture": "",
            "config": {},
            "os": "",
            "rootfs": {"type": "layers", "diff_ids": layers},
        }
        return Blob(_CONFIG_TYPE, canonical_json(value))


def attachment_tag(digest: str) -> str:
    """Where the attestations of a digest lie: `sha256-<hex>.att`."""
    return digest.replace(":", "-") + ".att"


def attach(candidate: Candidate, envelopes: Sequence[bytes]) -> Attachment:
    """The artifact with these envelopes. Pure; give those that are there already as well."""
    unique = list(dict.fromkeys(envelopes))
    kinds = tuple(_claimed_type(envelope) for envelope in unique)
    blobs = tuple(Blob(ENVELOPE_TYPE, envelope) for envelope in unique)
    return Attachment(attachment_tag(candidate.digest), blobs, kinds)


def _claimed_type(envelope: bytes) -> str:
    """What the envelope says it holds; a label only, nothing is decided by it."""
    try:
        payload = base64.b64decode(json.loads(envelope)["payload"], validate=True)
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput("the attestation is no DSSE envelope", found=type(error).__name__) from error
    return parse_statement(payload).predicate_type


def read_attachment(manifest_data: bytes, fetch: Fetch) -> list[bytes]:
    """The envelopes of an artifact in a registry, unverified.

    Raises:
        BadInput: not the artifact that `attach` makes, or changed bytes.
    """
    outline = read_manifest(manifest_data, "attestations")
    if len(outline.layers) > ENVELOPES:
        raise BadInput(
            "too many attestations", found=str(len(outline.layers)), allowed=f"{ENVELOPES}"
        )
    layers = [layer for layer in outline.layers if layer.mediaType == ENVELOPE_TYPE]
    return [read_blob(fetch, layer, ENVELOPE_BYTES, "attestation") for layer in layers]
