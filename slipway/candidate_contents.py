"""What a candidate lists: its config blob, and how the parts are entered there. Pure."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from slipway.appfile_fields import InsidePath
from slipway.canonical import sha256_digest
from slipway.errors import BadInput
from slipway.manifests import BUNDLE_BYTES
from slipway.names import Digest, Name, check_repository
from slipway.oci import not_ours
from slipway.release import Frozen
from slipway.source import Source
from slipway.strict_yaml import MAX_BYTES

MEDIA_TYPE = "application/vnd.slipway.candidate.v1+json"
APPFILE_TYPE = "application/vnd.slipway.appfile.v1+yaml"
CONFIG_BYTES = 64 * 1024


def _check_path(value: str) -> str:
    check_repository(f"registry/{value}")
    return value


RepositoryPath = Annotated[str, AfterValidator(_check_path)]


class ImageEntry(Frozen):
    """An image inside the candidate's own registry."""

    repository: RepositoryPath
    digest: Digest


class AppFileEntry(Frozen):
    """The layer with the app file."""

    digest: Digest
    size: Annotated[int, Field(ge=1, le=MAX_BYTES)]


class BundleEntry(Frozen):
    """A layer with the manifests of one folder."""

    digest: Digest
    size: Annotated[int, Field(ge=1, le=BUNDLE_BYTES)]


class Contents(Frozen):
    """The candidate's config blob. Folders are written only where there are some."""

    version: Literal[1] = 1
    app: Name
    source: Source
    images: Annotated[dict[Name, ImageEntry], Field(min_length=1, max_length=16)]
    appfile: AppFileEntry
    manifests: Annotated[dict[InsidePath, BundleEntry], Field(max_length=16)] = Field(
        default_factory=dict
    )

    @model_serializer(mode="wrap")
    def _without_what_is_absent(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        value: dict[str, Any] = written(self)
        if not self.manifests:
            del value["manifests"]
        return value


def check_same(what: str, found: Collection[str], allowed: Collection[str]) -> None:
    """Raises BadInput where the names found are not exactly those of the app file."""
    if set(found) != set(allowed):
        raise BadInput(
            f"the candidate's {what} are not those of the app file",
            found=", ".join(sorted(found)) or "none",
            allowed=", ".join(sorted(allowed)) or "none",
        )


def appfile_entry(appfile_data: bytes) -> AppFileEntry:
    """The app file as the contents list it."""
    return AppFileEntry(digest=sha256_digest(appfile_data), size=len(appfile_data))


def bundle_entries(bundles: Mapping[str, bytes]) -> dict[str, BundleEntry]:
    """Packed manifests by folder, as the contents list them."""
    return {
        folder: BundleEntry(digest=sha256_digest(data), size=len(data))
        for folder, data in sorted(bundles.items())
    }


def parse_contents(config: bytes, what: str) -> Contents:
    """The contents out of a config blob; `what` names it in errors.

    Raises:
        BadInput: another shape.
    """
    try:
        return Contents.model_validate_json(config, strict=True)
    except ValidationError as error:
        raise not_ours(what, error) from None
