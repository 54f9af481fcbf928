"""The local OCI registry: a container on 127.0.0.1 with passwords, whose data outlives it.

Two users: `pusher` for the tier that builds, `puller` for the tier that runs. The registry
itself knows no rights per user, so `puller` could push: what keeps it from mattering is that
nothing is deployed by tag and every candidate is verified by its signature.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import docker
import httpx
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from slipway.cli.stack.images import DOCKER_FOLDER, BaseImage
from slipway.cli.stack.processes import wait_until
from slipway.cli.stack.rootfs import NONROOT
from slipway.cli.stack.secret_files import secret_file, write_private
from slipway.cli.stack.settings import StackSettings
from slipway.errors import Unreachable

USERS = ("pusher", "puller")
STACK_LABEL = "slipway.stack"
_SPEC_LABEL = "slipway.stack.spec"


@dataclass(frozen=True)
class Registry:
    """The registry of one stack."""

    settings: StackSettings

    @property
    def container_name(self) -> str:
        return f"{self.settings.name}-registry"

    @property
    def folder(self) -> Path:
        return self.settings.state / "registry"

    def password_file(self, user: str) -> Path:
        """Where the password of `pusher` or `puller` is kept."""
        return self.settings.secrets / f"registry-{user}"

    def credentials(self, user: str) -> dict[str, str]:
        """For the engine's API; never to be printed."""
        password = secret_file(self.password_file(user)).get_secret_value()
        return {"username": user, "password": password}

    def up(self, engine: docker.DockerClient, image: BaseImage) -> bool:
        """Running and ready; whether it had to be started.

        Raises:
            Unreachable: the engine refused the container, for example because the port is taken.
            DeadlineExceeded: it does not answer; its log is the evidence.
        """
        self._write_configuration()
        spec = container_spec(self.settings, self.container_name, self.folder, image.image_id)
        known = find_container(engine, self.container_name)
        is_same = bool(known and known.labels.get(_SPEC_LABEL) == spec["labels"][_SPEC_LABEL])
        if known and is_same and self.is_ready():
            return False
        if known:
            known.remove(force=True)
        container = self._start(engine, spec)
        wait_until(
            self.is_ready,
            f"the registry at {self.settings.registry}",
            self.settings.deadline,
            evidence=lambda: container.logs(tail=15).decode(errors="replace").splitlines(),
        )
        return True

    def down(self, engine: docker.DockerClient) -> bool:
        """Remove the container; whether there was one. Its data stays in the state folder."""
        known = find_container(engine, self.container_name)
        if known:
            known.remove(force=True)
        return known is not None

    def is_ready(self) -> bool:
        """Whether it answers and lets the puller in."""
        login = self.credentials("puller")
        try:
            answer = httpx.get(
                f"http://{self.settings.registry}/v2/",
                auth=(login["username"], login["password"]),
                timeout=2,
            )
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK

    def _start(self, engine: docker.DockerClient, spec: dict[str, Any]) -> Container:
        try:
            container = engine.containers.create(**spec)
            container.start()
        except APIError as error:
            created = find_container(engine, self.container_name)
            if created:
                created.remove(force=True)
            raise Unreachable(
                f"the registry could not be started on {self.settings.registry}",
                found=str(error.explanation or error),
                next_step="free the port, or set SLIPWAY_STACK_REGISTRY_PORT",
            ) from error
        return container

    def _write_configuration(self) -> None:
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.yml").write_bytes(
            (DOCKER_FOLDER / "registry" / "config.yml").read_bytes()
        )
        passwords = {user: self.credentials(user)["password"] for user in USERS}
        users = self.folder / "htpasswd"
        if not users.exists() or not matches_htpasswd(users.read_text(), passwords):
            write_private(users, htpasswd(passwords))
        if os.geteuid() == 0:
            for path in (self.folder, data, users, self.folder / "config.yml"):
                os.chown(path, NONROOT, NONROOT)


def container_spec(
    settings: StackSettings, name: str, folder: Path, image_id: str
) -> dict[str, Any]:
    """Arguments for the engine: not root, read-only, no capability, bounded."""
    user = NONROOT if os.geteuid() == 0 else os.geteuid()
    files = {"config.yml": "/etc/registry/config.yml", "htpasswd": "/etc/registry/htpasswd"}
    volumes = {str(folder / file): {"bind": bind, "mode": "ro"} for file, bind in files.items()}
    volumes[str(folder / "data")] = {"bind": "/var/lib/registry", "mode": "rw"}
    spec: dict[str, Any] = {
        "image": image_id,
        "name": name,
        "user": f"{user}:{user}",
        "ports": {"5000/tcp": ("127.0.0.1", settings.registry_port)},
        "volumes": volumes,
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "mem_limit": "512m",
        "pids_limit": 256,
        "restart_policy": {"Name": "unless-stopped"},
    }
    key = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]
    return {**spec, "labels": {STACK_LABEL: settings.name, _SPEC_LABEL: key}}


def htpasswd(passwords: dict[str, str]) -> str:
    """The file's lines; bcrypt is the one hash that the registry takes."""
    hashes = {
        user: bcrypt.hashpw(word.encode(), bcrypt.gensalt(8)) for user, word in passwords.items()
    }
    return "".join(f"{user}:{hashed.decode()}\n" for user, hashed in hashes.items())


def matches_htpasswd(text: str, passwords: dict[str, str]) -> bool:
    """Whether that file lets exactly these users in with these passwords."""
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    if set(lines) != set(passwords):
        return False
    return all(
        bcrypt.checkpw(word.encode(), lines[user].encode()) for user, word in passwords.items()
    )


def find_container(engine: docker.DockerClient, name: str) -> Container | None:
    """The container of that name, or None."""
    try:
        return engine.containers.get(name)
    except NotFound:
        return None
