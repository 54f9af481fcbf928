"""The candidate: one OCI artifact, addressed by one digest, that lists all that travels together.

    manifest  artifactType application/vnd.slipway.candidate.v1+json
    config    canonical JSON: {"app", "appfile", "images", "source", "version"}
    layer     the app file's bytes, application/vnd.slipway.appfile.v1+yaml

It holds no time and no place: the same source and images give the same digest in every registry.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from slipway import appfile as appfiles
from slipway.appfile import AppFile, Environment
from slipway.appfile_errors import closest
from slipway.canonical import canonical_json, sha256_digest
from slipway.errors import BadInput, Refused, SecretMissing
from slipway.names import Digest, Name, Reference, check_repository
from slipway.oci import Blob, Fetch, check_bytes, manifest, not_ours, read_blob, read_manifest
from slipway.quantities import millis
from slipway.release import (
    Frozen,
    Health,
    KubernetesSpec,
    ReleaseSpec,
    Resources,
    ServiceSpec,
    Target,
)
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


class Contents(Frozen):
    """The candidate's config blob."""

    version: Literal[1] = 1
    app: Name
    source: Source
    images: Annotated[dict[Name, ImageEntry], Field(min_length=1, max_length=16)]
    appfile: AppFileEntry


@dataclass(frozen=True)
class Candidate:
    """A candidate and the repository it lives in (`REGISTRY/PATH`, not part of the digest)."""

    repository: str
    contents: Contents
    appfile_data: bytes

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
        config, layer = self.blobs()
        return manifest(config, [layer.descriptor()], MEDIA_TYPE)

    def blobs(self) -> tuple[Blob, Blob]:
        """Config and app file."""
        config = canonical_json(self.contents.model_dump(mode="json"))
        return Blob(MEDIA_TYPE, config), Blob(APPFILE_TYPE, self.appfile_data)


def build_candidate(
    appfile_data: bytes,
    source: Source,
    images: Mapping[str, Reference],
    repository: str | None = None,
) -> Candidate:
    """The candidate of these parts. Pure: same parts, same digest.

    Args:
        appfile_data: bytes of slipway.yaml at the source's revision.
        images: name to pushed image, for exactly the images of the app file, all in one registry.
        repository: where it will live; `REGISTRY/APP` by default.

    Raises:
        BadInput: the app file is not valid, or the images are others than it lists.
    """
    appfile = appfiles.parse(appfile_data)
    _check_same_images(appfile, images)
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
        appfile=_entry(appfile_data),
    )
    return Candidate(where, contents, appfile_data)


def _check_same_images(appfile: AppFile, images: Mapping[str, object]) -> None:
    if set(images) != set(appfile.images):
        raise BadInput(
            "the candidate's images are not those of the app file",
            found=", ".join(sorted(images)) or "none",
            allowed=", ".join(sorted(appfile.images)),
        )


def _entry(appfile_data: bytes) -> AppFileEntry:
    return AppFileEntry(digest=sha256_digest(appfile_data), size=len(appfile_data))


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
    if outline.artifactType != MEDIA_TYPE or len(outline.layers) != 1:
        raise BadInput(
            f"{reference} is no candidate",
            found=ascii((outline.artifactType or outline.config.mediaType)[:100]),
            allowed=MEDIA_TYPE,
            next_step="take the CANDIDATE line of image-digest.env",
        )
    config = read_blob(fetch, outline.config, CONFIG_BYTES, f"{what}: config")
    data = read_blob(fetch, outline.layers[0], MAX_BYTES, f"{what}: app file")
    return _rebuilt(reference, _contents(config, what), data)


def _contents(config: bytes, what: str) -> Contents:
    try:
        return Contents.model_validate_json(config, strict=True)
    except ValidationError as error:
        raise not_ours(what, error) from None


def _rebuilt(reference: Reference, contents: Contents, appfile_data: bytes) -> Candidate:
    """Building it again must give the very digest: nothing in it can be unknown or left over."""
    own = contents.model_copy(update={"appfile": _entry(appfile_data)})
    candidate = Candidate(reference.repository, own, appfile_data)
    _check_same_images(candidate.appfile, contents.images)
    same_app = contents.app == candidate.appfile.app
    if not same_app or candidate.digest != reference.digest:
        raise BadInput(
            f"candidate {reference.short} is not in the form that Slipway writes",
            found=f"app {contents.app}, rebuilt digest {candidate.digest}",
            allowed=f"app {candidate.appfile.app}, digest {reference.digest}",
        )
    return candidate


def release_spec(
    candidate: Candidate, environment: str, secret_versions: Mapping[str, str]
) -> ReleaseSpec:
    """What the candidate wants to run in an environment. Pure.

    Args:
        secret_versions: version of each runtime secret of the app file; never a value.

    Raises:
        BadInput: the app file has no such environment.
        SecretMissing: a secret of the app file has no version.
        Refused: it holds uncommitted changes and this is not the first environment.
    """
    appfile = candidate.appfile
    place = environment_of(appfile, environment)
    if candidate.source.uncommitted and place.after:
        raise Refused(
            f"candidate {candidate.reference.short} holds uncommitted changes",
            found=f"environment {environment}, which comes after {place.after}",
            allowed="the first environment alone",
            next_step="commit the changes and integrate the commit",
        )
    if missing := sorted(set(appfile.secrets) - set(secret_versions)):
        raise SecretMissing(
            f"runtime secrets of {appfile.app}/{environment} have no version",
            found=f"missing: {', '.join(missing)}",
            allowed=f"one version for each of {', '.join(sorted(appfile.secrets))}",
            next_step=f"store {missing[0]} in the environment's secret source",
        )
    return ReleaseSpec(
        target=Target(app=appfile.app, environment=environment),
        platform=place.platform,
        services=tuple(_service(candidate, environment, name) for name in appfile.images),
        front=appfile.front or "",
        port=place.port,
        strategy=place.strategy or "",
        secrets={name: secret_versions[name] for name in appfile.secrets},
        health=_health(place),
        kubernetes=_kubernetes(place),
    )


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


def _service(candidate: Candidate, environment: str, name: str) -> ServiceSpec:
    image = candidate.appfile.images[name]
    place = candidate.appfile.environments[environment]
    return ServiceSpec(
        name=name,
        image=str(candidate.images[name]),
        user=image.user,
        resources=Resources(
            memory_bytes=place.resources.memory,
            cpu_millis=round(place.resources.cpus * 1000),
            pids=place.resources.pids,
        ),
        replicas=place.replicas,
        port=image.port,
        command=image.command,
        config=appfiles.config_of(candidate.appfile, environment, name),
        writable=image.writable,
        stop_seconds=image.stop_seconds,
    )


def _kubernetes(place: Environment) -> KubernetesSpec | None:
    if not place.namespace or not place.service_account:
        return None
    return KubernetesSpec(namespace=place.namespace, service_account=place.service_account)


def _health(place: Environment) -> Health:
    health = place.health
    return Health(
        path=health.path,
        ready=health.ready,
        expect=health.expect,
        deadline_seconds=-(-millis(health.deadline) // 1000),
        bake_millis=millis(health.bake),
        hits=health.hits,
    )
