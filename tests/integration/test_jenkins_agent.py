"""The agent's image, built from a commit, the locks and Debian's packages; asked for its tools."""

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from blocks.engines import connect_engine
from slipway.cli.stack.images import ImageStore, definition_hash, read_definition
from slipway.cli.stack.settings import default_cache

pytestmark = [pytest.mark.jenkins, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
AGENT = ROOT / "docker" / "jenkins" / "agent"
DEBIANS = "/usr/bin/python3"
LOCKS = ("dev.lock", "trivy.lock")
HARDENED = {"network_mode": "none", "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]}


def run(*argv: str, **options: Any) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    client = connect_engine(None, seconds=600)
    yield client
    client.close()


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a build gets: the files that git knows, and the wheels that the locks name."""
    folder = tmp_path_factory.mktemp("context")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    # Which wheels are needed depends on the Python that they are for: Debian's, as in the base.
    pip = [sys.executable, "-m", "pip", "--python", DEBIANS, "--quiet"]
    locks = [word for name in LOCKS for word in ("-r", str(ROOT / "requirements" / name))]
    run(*pip, "download", "--require-hashes", "--no-deps", "-d", str(folder / "wheels"), *locks)
    return folder


@pytest.fixture(scope="module")
def image(engine: docker.DockerClient, context: Path) -> Iterator[str]:
    """The agent's image; gone after its tests, but for its base."""
    definition = read_definition(AGENT / "base")
    store = ImageStore(engine, default_cache())
    store.build_rootfs_image(AGENT / "base", definition, definition_hash(AGENT / "base"))
    tag = f"slipway-test-agent:{uuid.uuid4().hex[:8]}"
    # The stage that installs gets a name too, else it stays behind without one.
    names = {f"{tag}-installed": ["--target", "installed"], tag: []}
    file = str(context / "docker" / "jenkins" / "agent" / "Dockerfile")
    options = ["--network", "none", "--force-rm", "--file", file, str(context)]
    for name, more in names.items():
        argv = ["docker", "build", "--tag", name, *more, *options]
        run(*argv, env={**os.environ, "DOCKER_BUILDKIT": "0"})
    yield tag
    for name in names:
        engine.images.remove(name)


def said(engine: docker.DockerClient, image: str, *argv: str) -> str:
    """What a command prints in a container without network, root or capabilities."""
    out: bytes = engine.containers.run(image, list(argv), remove=True, **HARDENED)
    return out.decode()


def test_an_agent_has_every_program(engine: docker.DockerClient, image: str) -> None:
    """S1-06: found and new enough, by the check that operators run."""
    checks = json.loads(said(engine, image, "slipway", "doctor", "--agent", "--json"))
    states = {check["name"]: check["state"] for check in checks}
    needed = {"docker", "git", "trivy", "python", "prefect", "signing keys"}
    assert {name for name, state in states.items() if state == "ok"} >= needed
    assert "bad" not in states.values()


def test_an_agent_that_should_deploy_is_told_what_it_lacks(
    engine: docker.DockerClient, image: str
) -> None:
    """S1-06: this image brings no kubectl, and says so where it is wanted."""
    with pytest.raises(docker.errors.ContainerError) as lacking:
        said(engine, image, "slipway", "doctor", "--agent", "--with", "kubectl", "--json")
    assert lacking.value.exit_status == 8


def test_an_agent_is_nobody_and_owns_nothing_of_slipway(
    engine: docker.DockerClient, image: str
) -> None:
    """S3-24: no root, no engine socket, and a build cannot change the tool that releases it."""
    script = "id -u; test -w /opt/slipway/slipway && echo writable; test -e /var/run/docker.sock"
    assert said(engine, image, "bash", "-c", f"{script} && echo socket; echo end").split() == [
        "1000",
        "end",
    ]


def test_an_agent_takes_no_wheel_along(engine: docker.DockerClient, image: str) -> None:
    """What was only needed to install is in no layer of the image."""
    assert said(engine, image, "bash", "-c", "ls -d /opt/slipway/wheels || true") == ""
    size = engine.images.get(image).attrs["Size"]
    assert size < 2_000_000_000
