"""What a candidate lists: its config blob, and how the parts are entered there. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from slipway import charts, manifests
from slipway.appfile import AppFile, chart_folders, manifest_folders
from slipway.appfile_fields import InsidePath
from slipway.canonical import sha256_digest
from slipway.charts import CHART_TYPE
from slipway.errors import BadInput
from slipway.manifests import BUNDLE_BYTES, BUNDLE_TYPE
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
    """A layer with one folder: manifests, or a chart."""

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
    charts: Annotated[dict[InsidePath, BundleEntry], Field(max_length=16)] = Field(
        default_factory=dict
    )

    @model_serializer(mode="wrap")
    def _without_what_is_absent(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        value: dict[str, Any] = written(self)
        return {k: v for k, v in value.items() if v or k not in ("manifests", "charts")}

    @property
    def layers(self) -> list[tuple[str, str]]:
        """Media type and folder of each layer behind the app file's, in their order."""
        manifests = [(BUNDLE_TYPE, folder) for folder in sorted(self.manifests)]
        return manifests + [(CHART_TYPE, folder) for folder in sorted(self.charts)]


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


def check_bundles(appfile: AppFile, bundles: Mapping[str, bytes]) -> None:
    """Hold the packed folders to the app file, and each to the form in which it is packed.

    Raises:
        BadInput: other folders than the app file names, or another form.
    """
    check_same("folders", bundles, [*manifest_folders(appfile), *chart_folders(appfile)])
    for folder in manifest_folders(appfile):
        manifests.unpack(bundles[folder])
    for folder in chart_folders(appfile):
        charts.unpack(bundles[folder])


def bundle_entries(folders: Iterable[str], bundles: Mapping[str, bytes]) -> dict[str, BundleEntry]:
    """Packed folders as the contents list them."""
    return {
        folder: BundleEntry(digest=sha256_digest(bundles[folder]), size=len(bundles[folder]))
        for folder in sorted(folders)
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
