"""The candidate: one OCI artifact, addressed by one digest, that lists all that travels together.

    manifest  artifactType application/vnd.slipway.candidate.v1+json
    config    canonical JSON: {"app", "appfile", "images", "source", "version"}, and "manifests" and
              "charts" where the app file names folders of them
    layers    the app file's bytes, application/vnd.slipway.appfile.v1+yaml; then each folder of
              manifests (slipway.manifests), then of charts (slipway.charts), by their names

It holds no time and no place: the same source and images give the same digest in every registry.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from slipway import appfile as appfiles
from slipway.appfile import AppFile, Environment
from slipway.appfile_errors import closest
from slipway.candidate_contents import (
    APPFILE_TYPE,
    CONFIG_BYTES,
    MEDIA_TYPE,
    Contents,
    ImageEntry,
    appfile_entry,
    bundle_entries,
    check_bundles,
    check_same,
    parse_contents,
)
from slipway.canonical import canonical_json, sha256_digest
from slipway.errors import BadInput
from slipway.manifests import BUNDLE_BYTES
from slipway.names import Reference, check_repository
from slipway.oci import Blob, Descriptor, Fetch, check_bytes, manifest, read_blob, read_manifest
from slipway.source import Source
from slipway.strict_yaml import MAX_BYTES


@dataclass(frozen=True)
class Candidate:
    """A candidate and the repository it lives in (`REGISTRY/PATH`, not part of the digest).

    Attributes:
        bundles: folder of the app file to the packed manifests or chart in it.
    """

    repository: str
    contents: Contents
    appfile_data: bytes
    bundles: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def app(self) -> str:
        return self.contents.app

    @property
    def source(self) -> Source:
        return self.contents.source

    @cached_property
    def appfile(self) -> AppFile:
        """The app file, with its defaults filled in."""
        return appfiles.parse(self.appfile_data)

    @property
    def images(self) -> dict[str, Reference]:
        """Image name to its reference in the candidate's registry."""
        registry = self.repository.split("/", 1)[0]
        entries = self.contents.images.items()
        return {n: Reference(f"{registry}/{e.repository}", e.digest) for n, e in entries}

    @property
    def digest(self) -> str:
        return sha256_digest(self.manifest())

    @property
    def reference(self) -> Reference:
        """The one string that the building tier hands over."""
        return Reference(self.repository, self.digest)

    def manifest(self) -> bytes:
        """Canonical bytes of the OCI manifest; push it after the blobs."""
        config, *layers = self.blobs()
        return manifest(config, [layer.descriptor() for layer in layers], MEDIA_TYPE)

    def blobs(self) -> tuple[Blob, ...]:
        """Config, app file, and the packed folders in their order."""
        config = canonical_json(self.contents.model_dump(mode="json"))
        bundles = [Blob(kind, self.bundles[folder]) for kind, folder in self.contents.layers]
        return Blob(MEDIA_TYPE, config), Blob(APPFILE_TYPE, self.appfile_data), *bundles

    def bundle(self, environment: str) -> bytes | None:
        """The packed manifests or chart of an environment; None where objects are generated."""
        place = environment_of(self.appfile, environment)
        folder = place.manifests or place.chart
        return self.bundles[folder] if folder else None


def build_candidate(
    appfile_data: bytes,
    source: Source,
    images: Mapping[str, Reference],
    repository: str | None = None,
    bundles: Mapping[str, bytes] | None = None,
) -> Candidate:
    """The candidate of these parts. Pure: same parts, same digest.

    Args:
        appfile_data: bytes of slipway.yaml at the source's revision.
        images: name to pushed image, for exactly the images of the app file, all in one registry.
        repository: where it will live; `REGISTRY/APP` by default.
        bundles: folder to packed manifests or chart, for exactly the folders of the app file.

    Raises:
        BadInput: the app file is not valid, or the images or folders are others than it lists.
    """
    appfile = appfiles.parse(appfile_data)
    bundles = bundles or {}
    check_same("images", images, appfile.images)
    check_bundles(appfile, bundles)
    registries = {image.registry for image in images.values()}
    if len(registries) > 1:
        raise BadInput(
            "images lie in different registries",
            found=", ".join(sorted(registries)),
            allowed="one registry for everything that travels together",
        )
    where = check_repository(repository or f"{registries.pop()}/{appfile.app}")
    contents = Contents(
        app=appfile.app,
        source=source,
        images={n: ImageEntry(repository=i.path, digest=i.digest) for n, i in images.items()},
        appfile=appfile_entry(appfile_data),
        manifests=bundle_entries(appfiles.manifest_folders(appfile), bundles),
        charts=bundle_entries(appfiles.chart_folders(appfile), bundles),
    )
    return Candidate(where, contents, appfile_data, bundles)


def read_candidate(reference: Reference, manifest_data: bytes, fetch: Fetch) -> Candidate:
    """The candidate out of a registry's answers, held to the digest that was asked for.

    Args:
        manifest_data: the manifest's bytes as the registry sent them.
        fetch: reads a blob of the candidate's repository by digest.

    Raises:
        BadInput: no candidate, or not as Slipway writes one.
        Tampered: other bytes than the digest names.
    """
    what = f"candidate {reference.short}"
    check_bytes(manifest_data, reference.digest, what)
    outline = read_manifest(manifest_data, what)
    if outline.artifactType != MEDIA_TYPE or not outline.layers:
        raise BadInput(
            f"{reference} is no candidate",
            found=ascii((outline.artifactType or outline.config.mediaType)[:100]),
            allowed=MEDIA_TYPE,
            next_step="take the CANDIDATE line of image-digest.env",
        )
    config = read_blob(fetch, outline.config, CONFIG_BYTES, f"{what}: config")
    contents, (first, *others) = parse_contents(config, what), outline.layers
    _check_layers(what, contents, others)
    data = read_blob(fetch, first, MAX_BYTES, f"{what}: app file")
    bundles = {
        folder: read_blob(fetch, layer, BUNDLE_BYTES, f"{what}: {folder}")
        for (_, folder), layer in zip(contents.layers, others, strict=True)
    }
    return _rebuilt(reference, contents, data, bundles)


def _check_layers(what: str, contents: Contents, bundles: Sequence[Descriptor]) -> None:
    if len(bundles) != len(contents.layers):
        raise BadInput(
            f"{what} has other layers than its config lists",
            found=f"{len(bundles)} beside the app file",
            allowed=f"{len(contents.layers)}, one for each folder",
        )


def _rebuilt(
    reference: Reference, contents: Contents, appfile_data: bytes, bundles: Mapping[str, bytes]
) -> Candidate:
    """Building it again must give the very digest: nothing in it can be unknown or left over."""
    own = contents.model_copy(
        update={
            "appfile": appfile_entry(appfile_data),
            "manifests": bundle_entries(contents.manifests, bundles),
            "charts": bundle_entries(contents.charts, bundles),
        }
    )
    candidate = Candidate(reference.repository, own, appfile_data, bundles)
    check_same("images", contents.images, candidate.appfile.images)
    check_bundles(candidate.appfile, bundles)
    same_app = contents.app == candidate.appfile.app
    if not same_app or candidate.digest != reference.digest:
        raise BadInput(
            f"candidate {reference.short} is not in the form that Slipway writes",
            found=f"app {contents.app}, rebuilt digest {candidate.digest}",
            allowed=f"app {candidate.appfile.app}, digest {reference.digest}",
        )
    return candidate


def environment_of(appfile: AppFile, environment: str) -> Environment:
    """The environment of that name.

    Raises:
        BadInput: the app file has none; the next step may name the nearest.
    """
    if found := appfile.environments.get(environment):
        return found
    names = list(appfile.environments)
    raise BadInput(
        f"app {appfile.app} has no such environment",
        found=ascii(environment[:80]),
        allowed=", ".join(names),
        next_step=closest(environment, names),
    )
