"""Builds an app's images in a Docker engine, from what git sees and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import docker
from docker.errors import DockerException

from blocks.builders.bases import BaseResolver
from blocks.builders.client import Way
from blocks.builders.dockerfile import base_images, check_arguments, with_pinned_bases
from blocks.builders.engine import BuildRequest, Say, build, engine_platform, probe_way
from blocks.builders.git import GitTree
from blocks.builders.inputs import BuildInputs, BuiltImage, PlannedImage
from slipway.appfile import AppFile
from slipway.errors import BadInput


def plan_image(tree: GitTree, appfile: AppFile, name: str, bases: BaseResolver) -> PlannedImage:
    """What decides the image, read from git and the registries; nothing is built.

    Raises:
        BadInput: no such folder or Dockerfile in git, or a Dockerfile that cannot be read.
        Refused: a frontend of its own, or arguments that steer the builder.
        ImageMissing: a base image is nowhere. Unreachable: its registry did not answer.
    """
    image = appfile.images[name]
    check_arguments(image.build_args)
    where = image.dockerfile if image.context == "." else f"{image.context}/{image.dockerfile}"
    text = tree.read(where).decode(errors="replace")
    pinned = {base: bases.resolve(base) for base in base_images(text, image.build_args)}
    inputs = BuildInputs(
        image=name,
        context=image.context,
        dockerfile=image.dockerfile,
        # Commands may write anywhere in the app, so with them all of it is an input.
        tree=tree.tree_of("." if appfile.tests else image.context),
        target=image.target,
        arguments=image.build_args,
        bases={base: bases.identity(base, found) for base, found in pinned.items()},
        commands=appfile.tests,
        secrets=image.build_secrets,
        platform=engine_platform(),
    )
    return PlannedImage(
        inputs=inputs,
        path=f"{appfile.app}/{name}",
        dockerfile=with_pinned_bases(text, image.build_args, pinned),
    )


def secret_files(folder: Path | None, names: tuple[str, ...]) -> dict[str, Path]:
    """The files of the build's secret mounts; their values are never read here.

    Raises:
        BadInput: a file is missing; the message names where it was looked for.
    """
    found: dict[str, Path] = {}
    for name in names:
        path = folder / name if folder else None
        if path is None or not path.is_file():
            raise BadInput(
                f"build secret {name} is not there",
                found=f"no file {path}" if path else "SLIPWAY_BUILD_SECRETS_DIR is not set",
                next_step="have the agent's credentials put it there as a file",
                stage="build",
            )
        found[name] = path
    return found


@dataclass
class DockerBuilder:
    """An engine that builds.

    Attributes:
        seconds: longest time of one build.
        secrets: folder with one file per build secret.
    """

    engine: docker.DockerClient
    bases: BaseResolver
    seconds: float = 1800
    secrets: Path | None = None
    _way: Way | None = field(default=None, init=False)

    async def way(self, scratch: Path) -> Way:
        """How this machine builds; asked once."""
        if self._way is None:
            self._way = await probe_way(self.engine, scratch)
        return self._way

    async def build(
        self, planned: PlannedImage, app: Path, scratch: Path, host: str, say: Say
    ) -> BuiltImage:
        """Build one image.

        Args:
            app: clean checkout of the app, with what its commands wrote.
            scratch: empty folder of this build, outside the context.
            host: registry that the image will be pushed to.

        Raises:
            BuildFailed, DeadlineExceeded, Refused, BadInput: see `blocks.builders.engine.build`.
        """
        inputs = planned.inputs
        request = BuildRequest(
            inputs=inputs,
            context=app / inputs.context,
            dockerfile=_write_dockerfile(planned, app / inputs.context, scratch),
            reference=f"{host}/{planned.path}:{inputs.tag}",
            secrets=secret_files(self.secrets, inputs.secrets),
        )
        for base in set(base_images(planned.dockerfile, inputs.arguments)):
            self.bases.fetch(base)
        way = await self.way(scratch)
        say(f"{inputs.image}: building with {way.name}")
        image_id = await build(request, way, self.engine, seconds=self.seconds, say=say)
        return BuiltImage(
            name=inputs.image, path=planned.path, key_tag=inputs.tag, image_id=image_id
        )


def _write_dockerfile(planned: PlannedImage, context: Path, scratch: Path) -> Path:
    """The pinned Dockerfile beside the context, with the ignore file that belongs to it."""
    path = scratch / "Dockerfile"
    path.write_text(planned.dockerfile)
    own = context / f"{planned.inputs.dockerfile}.dockerignore"
    if own.is_file() and not own.is_symlink():
        (scratch / "Dockerfile.dockerignore").write_bytes(own.read_bytes())
    return path


def engine_names(engine: docker.DockerClient) -> Mapping[str, str]:
    """Name and version of what builds, for provenance; empty where the engine does not tell."""
    try:
        return {"docker": str(engine.version()["Version"])}
    except (DockerException, KeyError):
        return {}
