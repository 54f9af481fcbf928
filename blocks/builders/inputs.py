"""Everything that decides what an image is, and the key that names it. Pure but for `check`."""

import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from slipway.canonical import content_digest
from slipway.errors import Refused
from slipway.names import Digest, Name
from slipway.release import Frozen

KEY_SCHEMA = 1
TREE_BYTES = 512 * 1024 * 1024
FILE_BYTES = 256 * 1024 * 1024
FILES = 50_000


class BuildInputs(Frozen):
    """The inputs of one image. Equal inputs, equal key, so the image is not built again.

    Attributes:
        context, dockerfile: paths in the app's folder; the Dockerfile's is relative to the context.
        tree: git's id of the folder whose contents decide the image: the context, or the whole app
            where commands run before the build and may write into the context.
        bases: each base image as the Dockerfile names it, to what it was resolved to.
        commands: run in the app's folder before the build.
        secrets: ids of secret mounts; their values are no input.
        platform: as in linux/amd64.
    """

    image: Name
    context: str
    dockerfile: str
    tree: str
    target: str | None = None
    arguments: dict[str, str] = Field(default_factory=dict)
    bases: dict[str, str] = Field(default_factory=dict)
    commands: tuple[tuple[str, ...], ...] = ()
    secrets: tuple[str, ...] = ()
    platform: str = "linux/amd64"

    @property
    def key(self) -> Digest:
        """sha256 over every input in canonical form."""
        return content_digest({"schema": KEY_SCHEMA, **self.model_dump(mode="json")})

    @property
    def tag(self) -> str:
        """The registry's tag that leads from this key to the image's digest."""
        return "key-" + self.key.removeprefix("sha256:")


class PlannedImage(Frozen):
    """An image to build.

    Attributes:
        path: repository in the registry, without its host.
        dockerfile: text of the Dockerfile with every base pinned.
        digest: where the registry holds an image of the same inputs already.
    """

    inputs: BuildInputs
    path: str
    dockerfile: str
    digest: Digest | None = None

    @property
    def name(self) -> str:
        """The image's name in the app file."""
        return self.inputs.image


class BuiltImage(Frozen):
    """An image that is in the engine or, with its digest, in the registry.

    Attributes:
        image_id: digest of its config.
    """

    name: Name
    path: str
    key_tag: str
    image_id: Digest
    digest: Digest | None = None


def check_context(folder: Path) -> None:
    """Refuse a build context that reaches outside itself or is too large.

    Raises:
        Refused: a link out of the folder, a special file, or too many or too large files.
    """
    total = 0
    for files, (path, size) in enumerate(_entries(folder), 1):
        total += size
        if size > FILE_BYTES:
            raise _too_large(folder, path, f"{size} bytes", f"{FILE_BYTES} bytes a file")
        if total > TREE_BYTES or files > FILES:
            found = f"over {total} bytes in {files} files"
            raise _too_large(folder, folder, found, f"{TREE_BYTES} bytes in {FILES} files")


def _entries(folder: Path) -> Iterator[tuple[Path, int]]:
    for parent, folders, files in os.walk(folder):
        for name in sorted(folders + files):
            path = Path(parent, name)
            if path.is_symlink():
                _refuse_escape(folder, path)
                yield path, 0
            elif path.is_file():
                yield path, path.stat().st_size
            elif not path.is_dir():
                raise _reaches_out(folder, path, "a special file")


def _refuse_escape(folder: Path, path: Path) -> None:
    target = path.readlink()
    landing = Path(os.path.normpath(path.parent / target))
    if target.is_absolute() or not landing.is_relative_to(folder):
        raise _reaches_out(folder, path, f"a link to {str(target)[:200]!a}")


def _reaches_out(folder: Path, path: Path, found: str) -> Refused:
    return Refused(
        f"the build context reaches outside itself at {str(path.relative_to(folder))!a}",
        found=found,
        allowed="files, folders, and links that stay inside the context",
        next_step="copy what is needed into the context",
        stage="build",
    )


def _too_large(folder: Path, path: Path, found: str, allowed: str) -> Refused:
    return Refused(
        f"the build context is too large at {str(path.relative_to(folder))!a}",
        found=found,
        allowed=allowed,
        next_step="take large files out of the repository or use a smaller context",
        stage="build",
    )
