"""Base images: derived from the public ones when reachable, else made from Debian packages.

Each folder with an `image.toml` under `docker/` defines one image; its Dockerfile is the public
way. The result carries the hash of its definition, so an unchanged one is never made twice.
"""

import hashlib
import io
import json
import re
import subprocess
import tarfile
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
import httpx
from docker.errors import APIError, BuildError, ImageNotFound
from pydantic import BaseModel, ConfigDict, ValidationError

from slipway.cli.stack import packages
from slipway.cli.stack.rootfs import build_layer
from slipway.errors import BadInput, SlipwayError, Unreachable

DOCKER_FOLDER = Path(__file__).parents[3] / "docker"
FOLDERS = {
    "python": DOCKER_FOLDER / "base" / "python",
    "nginx": DOCKER_FOLDER / "base" / "nginx",
    "registry": DOCKER_FOLDER / "registry",
    "proxy": DOCKER_FOLDER / "proxy",
}
DEFINITION_LABEL = "slipway.base.definition"
ORIGIN_LABEL = "slipway.base.origin"
_BASE = re.compile(r"^ARG BASE=(?P<host>[^/]+\.[^/]+)/\S+$", re.MULTILINE)

Say = Callable[[str], None]


class ImageDefinition(BaseModel):
    """What `image.toml` says.

    `files` maps a path in the image to a file beside `image.toml`; `links` a path to its target;
    `config` is the image's Config as the OCI image specification names it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    tag: str
    packages: list[str]
    drop: list[str] = []
    certificates: bool = False
    config: dict[str, Any] = {}
    links: dict[str, str] = {}
    files: dict[str, str] = {}

    @property
    def reference(self) -> str:
        return f"{self.name}:{self.tag}"


@dataclass(frozen=True)
class BaseImage:
    """An image in the engine: its local name, id, where it came from, and if it was made now."""

    reference: str
    image_id: str
    origin: str
    is_new: bool


def read_definition(folder: Path) -> ImageDefinition:
    """The definition in that folder.

    Raises:
        BadInput: `image.toml` is missing or wrong; the message names the field.
    """
    path = folder / "image.toml"
    try:
        return ImageDefinition.model_validate(tomllib.loads(path.read_text()))
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise BadInput(f"{path}: {error}") from error


def definition_hash(folder: Path) -> str:
    """Hash over every file of the folder."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def image_archive(reference: str, layer: bytes, config: dict[str, Any], created: int) -> bytes:
    """An archive for `docker load`, the same bytes for the same arguments.

    Args:
        created: seconds since 1970, which becomes the image's creation time.
    """
    diff_id = "sha256:" + hashlib.sha256(layer).hexdigest()
    image = {
        "architecture": _architecture(),
        "os": "linux",
        "created": datetime.fromtimestamp(created, UTC).isoformat().replace("+00:00", "Z"),
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created_by": "slipway", "comment": "from distribution packages"}],
    }
    document = json.dumps(image, sort_keys=True).encode()
    name = hashlib.sha256(document).hexdigest() + ".json"
    manifest = [{"Config": name, "RepoTags": [reference], "Layers": ["layer.tar"]}]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in (
            (name, document),
            ("layer.tar", layer),
            ("manifest.json", json.dumps(manifest).encode()),
        ):
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@dataclass
class ImageStore:
    """Makes base images in one engine.

    Attributes:
        cache: where downloads are kept.
        folders: the definition of each image by its short name.
        build_arguments: for the Dockerfiles; BASE takes a company's mirror, unasked if it answers.
    """

    engine: docker.DockerClient
    cache: Path
    say: Say = print
    folders: Mapping[str, Path] = field(default_factory=lambda: FOLDERS)
    build_arguments: dict[str, str] = field(default_factory=dict)
    _reachable: dict[str, bool] = field(default_factory=dict)

    def ensure_image(self, name: str) -> BaseImage:
        """The base image `python`, `nginx`, `registry` or `proxy`, made if it is not there.

        Raises:
            BadInput: no such image, or a wrong definition.
            Unreachable: neither the public registry nor the packages can be had.
        """
        if name not in self.folders:
            raise BadInput("unknown base image", found=name, allowed=", ".join(self.folders))
        folder = self.folders[name]
        definition = read_definition(folder)
        wanted = definition_hash(folder)
        return self._present(definition, wanted) or self._make(folder, definition, wanted)

    def build_rootfs_image(self, folder: Path, definition: ImageDefinition, key: str) -> None:
        """Make the image from packages and load it into the engine."""
        debs = packages.obtain(definition.packages, self.cache)
        layer, newest = build_layer(
            debs,
            files={path: (folder / name).read_bytes() for path, name in definition.files.items()},
            links=definition.links,
            dropped=definition.drop,
            certificates=definition.certificates,
        )
        labels = {DEFINITION_LABEL: key, ORIGIN_LABEL: "debian packages"}
        config = {**definition.config, "Labels": labels}
        self.engine.images.load(image_archive(definition.reference, layer, config, newest))

    def _present(self, definition: ImageDefinition, wanted: str) -> BaseImage | None:
        try:
            image = self.engine.images.get(definition.reference)
        except ImageNotFound:
            return None
        if image.labels.get(DEFINITION_LABEL) != wanted:
            return None
        origin = image.labels.get(ORIGIN_LABEL, "unknown")
        return BaseImage(definition.reference, str(image.id), origin, is_new=False)

    def _make(self, folder: Path, definition: ImageDefinition, key: str) -> BaseImage:
        if not self._make_from_public(folder, definition, key):
            self.say(f"building {definition.reference} from Debian packages")
            self.build_rootfs_image(folder, definition, key)
        made = self._present(definition, key)
        if made is None:
            raise Unreachable(f"the engine did not keep {definition.reference}")
        return BaseImage(made.reference, made.image_id, made.origin, is_new=True)

    def _make_from_public(self, folder: Path, definition: ImageDefinition, key: str) -> bool:
        host = public_host((folder / "Dockerfile").read_text())
        if not self.build_arguments and not self._answers(host):
            return False
        self.say(f"building {definition.reference} from the public image at {host}")
        try:
            self.engine.images.build(
                path=str(folder),
                tag=definition.reference,
                labels={DEFINITION_LABEL: key, ORIGIN_LABEL: host},
                buildargs=self.build_arguments,
                rm=True,
            )
        except (BuildError, APIError) as error:
            self.say(f"that failed ({error}); falling back to Debian packages")
            return False
        return True

    def _answers(self, host: str) -> bool:
        if host not in self._reachable:
            self._reachable[host] = registry_answers(host)
        return self._reachable[host]


def public_host(dockerfile: str) -> str:
    """The registry that a Dockerfile's `ARG BASE=` names.

    Raises:
        BadInput: there is no such line.
    """
    found = _BASE.search(dockerfile)
    if not found:
        raise BadInput("the Dockerfile of a base image needs a line `ARG BASE=<host>/<image>`")
    return "registry-1.docker.io" if found["host"] == "docker.io" else found["host"]


def registry_answers(host: str, timeout: float = 3.0) -> bool:
    """Whether that host speaks the OCI distribution protocol; one quick question."""
    try:
        answer = httpx.get(f"https://{host}/v2/", timeout=timeout)
    except httpx.HTTPError:
        return False
    return answer.status_code in (200, 401)


def push_image(
    engine: docker.DockerClient, image: str, target: str, credentials: dict[str, str]
) -> str:
    """Push a local image under another name and return `repository@sha256:...`.

    Args:
        target: `host:port/repository:tag`.
        credentials: `username` and `password`, handed to the engine's API only.

    Raises:
        Unreachable: the registry refused or did not answer.
    """
    repository, tag = target.rsplit(":", 1)
    try:
        engine.images.get(image).tag(repository, tag)
        events = engine.api.push(
            repository, tag=tag, stream=True, decode=True, auth_config=credentials
        )
        digest = _pushed_digest(target, list(events))
    except APIError as error:
        raise Unreachable(f"could not push {target}", found=str(error)) from error
    return f"{repository}@{digest}"


def _pushed_digest(target: str, events: list[dict[str, Any]]) -> str:
    for event in events:
        if "error" in event:
            raise Unreachable(f"could not push {target}", found=str(event["error"]))
    digests = [event["aux"]["Digest"] for event in events if "aux" in event]
    if not digests:
        raise SlipwayError(f"the engine named no digest for {target}")
    return str(digests[-1])


def _architecture() -> str:
    argv = ["dpkg", "--print-architecture"]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()
