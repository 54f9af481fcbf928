"""A throwaway registry and test images on the real engine, for lanes that need them.

Everything carries the label `slipway.test` and is removed by `Rig.close`.
"""

import io
import tarfile
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import bcrypt
import docker
import httpx
from docker.errors import ImageNotFound, NotFound
from docker.models.containers import Container
from docker.models.networks import Network

from blocks.platforms import docker_names as names
from slipway.cli.stack.images import DOCKER_FOLDER, ImageStore, push_image
from slipway.cli.stack.settings import default_cache
from slipway.release import Target
from tests.rig.ports import free_port

TESTAPP = Path(__file__).parent / "testapp"
CREDENTIALS = {"username": "tester", "password": "tester-registry-password"}


@dataclass
class Rig:
    """A registry on a free port of loopback, and what was pushed to it."""

    engine: docker.DockerClient = field(default_factory=docker.from_env)
    registry: Container | None = None
    network: Network | None = None
    port: int = 0
    images: list[str] = field(default_factory=list)

    def start(self) -> "Rig":
        """Base images made, registry up."""
        store = ImageStore(self.engine, default_cache())
        for name in ("python", "registry", "proxy"):
            store.ensure_image(name)
        self.port = free_port()
        self.network = self.engine.networks.create(
            f"slipway-test-{self.port}", labels={"slipway.test": "registry"}
        )
        self.registry = self.engine.containers.create(
            "slipway/registry:2.8",
            labels={"slipway.test": "registry"},
            ports={"5000/tcp": ("127.0.0.1", self.port)},
            tmpfs={"/var/lib/registry": "mode=1777"},
            network=self.network.name,
        )
        self.registry.put_archive("/etc", self._registry_files())
        self.registry.start()
        self._await_registry()
        return self

    def _registry_files(self) -> bytes:
        password = CREDENTIALS["password"].encode()
        line = f"{CREDENTIALS['username']}:".encode() + bcrypt.hashpw(password, bcrypt.gensalt(4))
        config = (DOCKER_FOLDER / "registry" / "config.yml").read_bytes()
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, data in (("registry/config.yml", config), ("registry/htpasswd", line)):
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(data), 0o444
                tar.addfile(entry, io.BytesIO(data))
        return buffer.getvalue()

    def _await_registry(self) -> None:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/v2/").status_code == 401:
                    return
            except httpx.HTTPError:
                time.sleep(0.05)
        raise TimeoutError("the test registry did not start")

    def push_testapp(self, flavour: str = "one") -> str:
        """Build and push the test app; `registry/repository@digest`, another for each flavour.

        Its id is this rig's own, so that no other rig's image goes when its names are removed.
        """
        tag = f"slipway-test/app-{self.port}:{flavour}"
        labels = {"flavour": flavour, "registry": str(self.port)}
        self.engine.images.build(path=str(TESTAPP), tag=tag, labels=labels, rm=True)
        self.images.append(tag)
        target = f"127.0.0.1:{self.port}/testapp:{flavour}"
        reference = push_image(self.engine, tag, target, CREDENTIALS)
        self.images.append(target)
        return reference

    def unpull(self, reference: str) -> None:
        """Remove every local name of the image; the registry keeps it."""
        image = self.engine.images.get(reference)
        for name in [*image.tags, *image.attrs["RepoDigests"]]:
            with suppress(ImageNotFound):
                self.engine.images.remove(name, force=True)

    def delete_from_registry(self, reference: str) -> None:
        """Delete the manifest from the registry."""
        repository, _, digest = reference.partition("@")
        path = repository.partition("/")[2]
        url = f"http://127.0.0.1:{self.port}/v2/{path}/manifests/{digest}"
        answer = httpx.delete(url, auth=(CREDENTIALS["username"], CREDENTIALS["password"]))
        answer.raise_for_status()

    def names_of(self, host: str) -> list[str]:
        """Local names, also by digest, of whatever came through the registry at that address."""
        return [name for name in image_names(self.engine) if name.startswith(f"{host}/")]

    def close(self) -> None:
        """Remove registry and images."""
        if self.registry:
            self.registry.remove(force=True, v=True)
        if self.network:
            self.network.remove()
        for name in [*self.images, *self.names_of(f"127.0.0.1:{self.port}")]:
            with suppress(ImageNotFound):
                self.engine.images.remove(name, force=True)
        self.engine.close()


def image_names(engine: docker.DockerClient) -> list[str]:
    """Every name of every image, by tag and by digest; others may remove theirs meanwhile."""
    known = (
        (image["RepoTags"] or []) + (image["RepoDigests"] or []) for image in engine.api.images()
    )
    return [name for names_of_one in known for name in names_of_one]


def remove_target(engine: docker.DockerClient, target: Target) -> None:
    """Remove whatever of the target is left on the engine."""
    filters = names.label_filter(names.target_labels(target))
    for container in engine.containers.list(all=True, filters=filters, ignore_removed=True):
        try:
            container.remove(force=True)
        except NotFound:
            continue
    for network in engine.networks.list(filters=filters):
        network.remove()
    for volume in engine.volumes.list(filters=filters):
        volume.remove(force=True)


def new_target() -> Target:
    """A target that nobody else uses."""
    return Target(app=f"t{uuid.uuid4().hex[:8]}", environment="dev")
