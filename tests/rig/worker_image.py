"""The worker's image, built as its README says: from a tree, the lock, and Debian's packages."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import docker

from slipway.cli.stack.images import ImageStore, definition_hash, read_definition
from slipway.cli.stack.settings import default_cache
from tests.cluster.cache import cluster_cache, key_of, make_once

ROOT = Path(__file__).parents[2]
WORKER = ROOT / "docker" / "worker"
TREES = ("slipway", "blocks", "tasks", "flows", "docker/worker")


def locked_site() -> Path:
    """What the lock of the runtime names, installed once for each lock."""
    lock = ROOT / "requirements" / "runtime.lock"

    def make(folder: Path) -> None:
        argv = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
        argv += ["--require-hashes", "--only-binary", ":all:", "--requirement", str(lock)]
        subprocess.run([*argv, "--target", str(folder)], check=True)

    return make_once(cluster_cache() / "worker" / f"site-{key_of([lock.read_bytes()])}", make)


def make_context(folder: Path) -> Path:
    """The files that git knows below `TREES`, and `site/`."""
    argv = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *TREES]
    listed = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    # Links take no space; the engine's client sends what they hold.
    shutil.copytree(locked_site(), folder / "site", copy_function=os.link)
    return folder


def build_worker(engine: docker.DockerClient, folder: Path, tag: str) -> None:
    """Base and image, without any network."""
    base = WORKER / "base"
    store = ImageStore(engine, default_cache())
    store.build_rootfs_image(base, read_definition(base), definition_hash(base))
    file = str(make_context(folder) / "docker" / "worker" / "Dockerfile")
    options = ["--network", "none", "--force-rm", "--file", file, str(folder)]
    done = subprocess.run(
        ["docker", "build", "--tag", tag, *options],
        env={**os.environ, "DOCKER_BUILDKIT": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
