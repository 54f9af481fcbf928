"""The few OCI shapes that Slipway writes itself: blobs, descriptors, artifact manifests.

Format: OCI image specification 1.1, manifest.md. Registries older than 1.1 keep them as images.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, ValidationError

from slipway.canonical import JsonObject, canonical_json, sha256_digest
from slipway.errors import BadInput, Tampered
from slipway.names import Digest
from slipway.release import Frozen

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
MANIFEST_BYTES = 1024 * 1024

Fetch: TypeAlias = Callable[[str], bytes]
"""Bytes of the blob with that digest, out of a registry."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes with a media type, addressed by their digest."""

    media_type: str
    data: bytes

    @property
    def digest(self) -> str:
        return sha256_digest(self.data)

    def descriptor(self, annotations: Mapping[str, str] | None = None) -> JsonObject:
        """The blob as a manifest names it."""
        found: JsonObject = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": len(self.data),
        }
        return {**found, "annotations": dict(annotations)} if annotations else found


class Descriptor(Frozen):
    """A blob as a manifest names it."""

    mediaType: str  # noqa: N815 - the specification's name
    digest: Digest
    size: Annotated[int, Field(ge=0)]
    annotations: dict[str, str] | None = None


class Manifest(Frozen):
    """An artifact manifest, as far as Slipway writes it."""

    schemaVersion: Literal[2]  # noqa: N815
    mediaType: Literal["application/vnd.oci.image.manifest.v1+json"]  # noqa: N815
    artifactType: str | None = None  # noqa: N815
    config: Descriptor
    layers: Annotated[tuple[Descriptor, ...], Field(max_length=1000)]


def manifest(config: Blob, layers: Sequence[JsonObject], artifact_type: str | None = None) -> bytes:
    """Canonical bytes of a manifest; layers are descriptors."""
    value: JsonObject = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": config.descriptor(),
        "layers": list(layers),
    }
    return canonical_json({**value, "artifactType": artifact_type} if artifact_type else value)


def read_manifest(data: bytes, what: str) -> Manifest:
    """A manifest from a registry; `what` names it in errors.

    Raises:
        BadInput: too large, or not the shape that Slipway writes.
    """
    if len(data) > MANIFEST_BYTES:
        raise BadInput(
            f"{what}: manifest is too large",
            found=f"{len(data)} bytes",
            allowed=f"{MANIFEST_BYTES} bytes",
        )
    try:
        return Manifest.model_validate_json(data, strict=True)
    except ValidationError as error:
        raise not_ours(what, error) from None


def read_blob(fetch: Fetch, descriptor: Descriptor, limit: int, what: str) -> bytes:
    """The described bytes, held to their size and digest.

    Raises:
        BadInput: larger than the limit.
        Tampered: not the bytes of the descriptor's digest.
    """
    if descriptor.size > limit:
        raise BadInput(
            f"{what} is too large", found=f"{descriptor.size} bytes", allowed=f"{limit} bytes"
        )
    data = fetch(descriptor.digest)
    check_bytes(data, descriptor.digest, what)
    return data


def check_bytes(data: bytes, digest: str, what: str) -> None:
    """Raises Tampered where the bytes are not those of the digest."""
    if (found := sha256_digest(data)) != digest:
        raise Tampered(
            f"{what} was changed in the registry",
            found=found,
            allowed=digest,
            next_step="nothing was deployed; push the candidate again and look who wrote there",
        )


def not_ours(what: str, error: ValidationError) -> BadInput:
    """The error for bytes of another shape, naming the first field that is wrong."""
    first = error.errors(include_url=False, include_input=False)[0]
    path = ".".join(str(part) for part in first["loc"]) or "the whole"
    return BadInput(
        f"{what} has another shape than Slipway writes",
        found=ascii(f"{path}: {first['msg']}"[:200])[1:-1],
        allowed="what `slipway` wrote, byte for byte",
        next_step="check the reference: it must name a candidate, not an image",
    )
