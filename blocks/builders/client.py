"""Which way to build this machine's engine and clients allow, and the command for it. Pure.

The engine's BuildKit is wanted for secret mounts and its cache. A client up to 20.10 drives it by
itself (DOCKER_BUILDKIT=1); a newer one needs its buildx plugin. Without either, the engine's
classic builder is used through its API.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from blocks.builders.inputs import BuildInputs
from slipway.errors import Refused

_BUILDX_NEEDED_SINCE = 23
_BUILDKIT_ONLY = re.compile(r"(?im)^\s*(?:RUN|COPY|ADD)\s.*--(?:mount|link)\b")


@dataclass(frozen=True, slots=True)
class DockerClient:
    """A docker command: its path, its version as it says it, whether its buildx works."""

    path: Path
    version: str
    buildx: bool


@dataclass(frozen=True, slots=True)
class Way:
    """How to build: with this client and the engine's BuildKit, or classic where it is None."""

    client: Path | None

    @property
    def name(self) -> str:
        """`buildkit` or `classic`."""
        return "buildkit" if self.client else "classic"


def choose_way(clients: Sequence[DockerClient], *, engine_has_buildkit: bool) -> Way:
    """The first client that can drive the engine's BuildKit, else the classic builder."""
    if engine_has_buildkit:
        for client in clients:
            major = re.match(r"\d+", client.version)
            old = major is not None and int(major[0]) < _BUILDX_NEEDED_SINCE
            if client.buildx or old:
                return Way(client.path)
    return Way(None)


def check_way(way: Way, inputs: BuildInputs, dockerfile: str) -> None:
    """Raises Refused where the image needs BuildKit and there is none."""
    needs = "build_secrets" if inputs.secrets else ""
    if _BUILDKIT_ONLY.search(dockerfile):
        needs = needs or "RUN --mount"
    if needs and way.client is None:
        raise Refused(
            f"image {inputs.image} needs BuildKit and no docker client here can use it",
            found=needs,
            next_step="install Docker's buildx plugin, or a docker client up to 20.10",
            stage="build",
        )


def build_command(
    client: Path,
    inputs: BuildInputs,
    *,
    context: Path,
    dockerfile: Path,
    image_id_file: Path,
    secrets: Mapping[str, Path],
    label: tuple[str, str],
    tag: str,
) -> list[str]:
    """The argument list of a BuildKit build. Values of secrets are files, never arguments."""
    command = [str(client), "build", "--progress", "plain", "--file", str(dockerfile)]
    command += ["--iidfile", str(image_id_file), "--tag", tag, "--label", "=".join(label)]
    for name, value in sorted(inputs.arguments.items()):
        command += ["--build-arg", f"{name}={value}"]
    for name, path in sorted(secrets.items()):
        command += ["--secret", f"id={name},src={path}"]
    if inputs.target:
        command += ["--target", inputs.target]
    return [*command, "--", str(context)]
