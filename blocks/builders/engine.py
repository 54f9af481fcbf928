"""Builds one image in a Docker engine and pushes it; the digest is the registry's own."""

import os
import platform
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

from blocks.builders.client import DockerClient, Way, build_command, check_way, choose_way
from blocks.builders.inputs import BuildInputs, check_context
from blocks.engines import engine_errors
from blocks.process import OUT_OF_MEMORY, harmless, run
from blocks.registries.logins import auth_config
from blocks.registries.oci import Registry
from blocks.registries.transport import Credentials
from slipway.errors import (
    AccessDenied,
    BuildFailed,
    Cause,
    DeadlineExceeded,
    Tampered,
    Unreachable,
)
from slipway.explanations import printable

KEY_LABEL = "slipway.build.key"
EVIDENCE = 20
_BUILDKIT_SINCE = (1, 39)
# A command of the Dockerfile that was killed, as BuildKit and as the classic builder tell it.
_KILLED = re.compile(r"(?:exit code|non-zero code): 137\b")
_DENIED = ("unauthorized", "denied", "no basic auth", "authentication required", "forbidden")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """One build: its inputs, the folder with its context, the pinned Dockerfile beside it."""

    inputs: BuildInputs
    context: Path
    dockerfile: Path
    reference: str
    secrets: Mapping[str, Path]


async def probe_way(engine: docker.DockerClient, folder: Path) -> Way:
    """Ask the engine and each docker command on PATH what they can do; a second at most."""
    with engine_errors("ask for its version"):
        version = engine.version()
    api = tuple(int(part) for part in str(version["ApiVersion"]).split("."))
    capable = api >= _BUILDKIT_SINCE and version.get("Os") == "linux"
    clients = [await _probe(path, folder) for path in _docker_commands()] if capable else []
    return choose_way(clients, engine_has_buildkit=capable)


def engine_platform() -> str:
    """As images name it: linux/amd64, linux/arm64."""
    machine = platform.machine()
    return "linux/" + {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


async def build(
    request: BuildRequest, way: Way, engine: docker.DockerClient, *, seconds: float, say: Say
) -> str:
    """Build and return the image's id (`sha256:...`, digest of its config).

    Raises:
        BuildFailed: the build ended red; `evidence` holds its last lines.
        DeadlineExceeded: it took too long.
        Refused: the context reaches outside, is too large, or BuildKit is missing.
    """
    check_context(request.context)
    check_way(way, request.inputs, request.dockerfile.read_text())
    if way.client:
        return await _with_buildkit(request, way.client, seconds, say)
    return _classic(request, engine, say)


def incoming_tag(image_id: str) -> str:
    """The tag that an image is pushed under first: named by content, so it never moves. Pure."""
    return "incoming-" + image_id.removeprefix("sha256:")


def push(
    engine: docker.DockerClient,
    registry: Registry,
    path: str,
    image_id: str,
    credentials: Credentials | None,
) -> str:
    """Push an image and return its digest, on which engine and registry agree.

    Raises:
        Tampered: what the registry holds after the push is not the image.
        AccessDenied: the registry does not take the credentials.
        Unreachable: the push broke off.
    """
    repository, tag = f"{registry.host}/{path}", incoming_tag(image_id)
    existing = registry.head(path, tag)
    if existing is not None:
        return _held(registry, path, existing, image_id)
    with engine_errors(f"push {repository}"):
        engine.api.tag(image_id, repository, tag)
        events = engine.api.push(
            repository, tag=tag, stream=True, decode=True, auth_config=auth_config(credentials)
        )
        digest = pushed_digest(events, repository)
        engine.api.remove_image(f"{repository}:{tag}", noprune=True)
    there = registry.head(path, tag)
    if there != digest:
        raise _foreign(registry, path, there or "nothing", digest)
    return _held(registry, path, digest, image_id)


def pushed_digest(events: Iterable[Mapping[str, Any]], what: str) -> str:
    """The digest out of a push's event stream. Pure.

    Raises:
        AccessDenied, Unreachable: the stream holds an error, or ends without a digest.
    """
    digest = None
    for event in events:
        if "error" in event:
            said = printable(str(event["error"]))[:300]
            denied = any(word in said.lower() for word in _DENIED)
            kind = AccessDenied if denied else Unreachable
            raise kind(f"push of {what} failed", found=said, stage="push")
        aux = event.get("aux")
        if isinstance(aux, Mapping) and "Digest" in aux:
            digest = str(aux["Digest"])
    if digest is None:
        raise Unreachable(f"push of {what} ended without a digest", stage="push")
    return digest


def _docker_commands() -> list[Path]:
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin"]
    found = (shutil.which("docker", path=folder) for folder in dict.fromkeys(folders) if folder)
    return [Path(path) for path in found if path]


async def _probe(path: Path, folder: Path) -> DockerClient:
    env = _client_environment(folder)
    version = await run([str(path), "--version"], env=env, cwd=folder, seconds=10)
    buildx = await run([str(path), "buildx", "version"], env=env, cwd=folder, seconds=10)
    words = " ".join(version.lines).removeprefix("Docker version ")
    return DockerClient(path, words.partition(",")[0], buildx.code == 0)


def _client_environment(config: Path) -> dict[str, str]:
    engine = {name: value for name, value in os.environ.items() if name in _ENGINE_VARIABLES}
    return {
        **harmless(os.environ),
        **engine,
        "DOCKER_CONFIG": str(config),
        "DOCKER_BUILDKIT": "1",
    }


_ENGINE_VARIABLES = frozenset({"DOCKER_HOST", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"})


async def _with_buildkit(request: BuildRequest, client: Path, seconds: float, say: Say) -> str:
    scratch = request.dockerfile.parent
    image_id_file = scratch / "image-id"
    command = build_command(
        client,
        request.inputs,
        context=request.context,
        dockerfile=request.dockerfile,
        image_id_file=image_id_file,
        secrets=request.secrets,
        label=(KEY_LABEL, request.inputs.key),
        tag=request.reference,
    )
    # An empty private configuration: bases are in the engine already, no login is needed.
    config = scratch / "docker-config"
    config.mkdir(mode=0o700, exist_ok=True)
    env = _client_environment(config)
    done = await run(command, env=env, cwd=scratch, seconds=seconds, say=say)
    if done.late:
        raise DeadlineExceeded(
            f"build of {request.inputs.image} took longer than {seconds:.0f} s",
            evidence=done.lines[-EVIDENCE:],
            stage="build",
        )
    if done.code != 0:
        raise _failed(request.inputs.image, done.how, done.lines)
    return image_id_file.read_text().strip()


def _classic(request: BuildRequest, engine: docker.DockerClient, say: Say) -> str:
    image_id = ""
    lines: list[str] = []
    with engine_errors(f"build {request.inputs.image}"):
        events = engine.api.build(
            path=str(request.context),
            dockerfile=str(request.dockerfile),
            tag=request.reference,
            buildargs=request.inputs.arguments,
            target=request.inputs.target or "",
            labels={KEY_LABEL: request.inputs.key},
            rm=True,
            forcerm=True,
            decode=True,
        )
        for event in events:
            line = printable(str(event.get("stream") or event.get("error") or "").rstrip())
            if line:
                lines.append(line)
                say(line)
            if "error" in event:
                raise _failed(request.inputs.image, "classic builder", lines)
            image_id = event.get("aux", {}).get("ID", image_id)
    return str(image_id)


def _failed(image: str, found: str, lines: Iterable[str]) -> BuildFailed:
    evidence = [line for line in lines if line][-EVIDENCE:]
    killed = found == OUT_OF_MEMORY or any(_KILLED.search(line) for line in evidence)
    return BuildFailed(
        f"build of image {image} failed",
        found=OUT_OF_MEMORY if killed else found,
        next_step="give the engine more memory, or build with less"
        if killed
        else "mend the Dockerfile or its inputs; `docker build` shows the same",
        evidence=evidence,
        cause=Cause.MEMORY if killed else None,
        stage="build",
    )


def _held(registry: Registry, path: str, digest: str, image_id: str) -> str:
    found = registry.manifest(path, digest).config_digest
    if found != image_id:
        raise _foreign(registry, path, f"config {found}", f"config {image_id}")
    return digest


def _foreign(registry: Registry, path: str, found: str, allowed: str) -> Tampered:
    return Tampered(
        f"{registry.host}/{path} holds something else than was pushed",
        found=found,
        allowed=allowed,
        next_step="see who else writes to this repository",
        stage="push",
    )
