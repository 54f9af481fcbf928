"""One target on the real engine: a platform block, specifications, and steps taken by hand."""

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import httpx
from pydantic import SecretStr

from blocks.platforms.docker import DockerPlatform
from slipway.canonical import JsonObject
from slipway.platform import Step, StepContext
from slipway.release import Health, ReleaseSpec, Resources, ServiceSpec, Target
from tests.rig.docker_rig import CREDENTIALS, Rig, new_target, remove_target
from tests.rig.ports import free_port

MIB = 1024 * 1024
SECRET = "canary-3f9a1c77-database-password"


def read_secret(name: str, version: str) -> SecretStr:
    """A SecretReader that knows every secret: name and version are part of the value."""
    return SecretStr(f"{SECRET}-{name}-{version}")


def service(name: str, image: str, version: str, mode: str = "ok", **config: str) -> ServiceSpec:
    """The test app as a service; `version` is what /version answers."""
    return ServiceSpec(
        name=name,
        image=image,
        user="65532",
        port=8000,
        resources=Resources(memory_bytes=64 * MIB, cpu_millis=500, pids=64),
        config={"VERSION": version, "MODE": mode, **config},
        stop_seconds=2,
    )


@dataclass
class World:
    """A target with a free port; `token` is the claim that its steps are taken under.

    `seconds` holds how long each step took when it was taken last, also when it failed.
    """

    rig: Rig
    image: str
    target: Target = field(default_factory=new_target)
    port: int = field(default_factory=free_port)
    token: int = 1
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    check: Callable[[], None] = lambda: None
    platform: DockerPlatform = field(
        default_factory=lambda: DockerPlatform(
            registry_username=CREDENTIALS["username"],
            registry_password=SecretStr(CREDENTIALS["password"]),
            health_seconds=1,
            drain_seconds=5,
        )
    )

    def spec(
        self,
        version: str = "one",
        mode: str = "ok",
        *,
        services: Sequence[ServiceSpec] = (),
        replicas: int = 1,
        deadline: int = 60,
        bake_millis: int = 500,
        secrets: dict[str, str] | None = None,
    ) -> ReleaseSpec:
        """One test app that answers `version`, or the given services behind the first of them."""
        web = service("web", self.image, version, mode).model_copy(update={"replicas": replicas})
        all_services = tuple(services) or (web,)
        return ReleaseSpec(
            target=self.target,
            services=all_services,
            front=all_services[0].name,
            port=self.port,
            secrets=secrets or {},
            health=Health(deadline_seconds=deadline, bake_millis=bake_millis),
        )

    @property
    def context(self) -> StepContext:
        return StepContext(self.check, self.notes.append, self.token, read_secret)

    def take(self, steps: Sequence[Step], until: str | None = None) -> dict[str, JsonObject]:
        """Take the steps in order, up to and without `until`; what each observed."""
        seen = {}
        for step in steps:
            if step.name == until:
                break
            begun = time.monotonic()
            try:
                seen[step.name] = step.run(self.context)
            finally:
                self.seconds[step.name] = time.monotonic() - begun
        return seen

    def deploy(
        self, spec: ReleaseSpec, previous: ReleaseSpec | None = None
    ) -> dict[str, JsonObject]:
        return self.take(self.platform.forward(spec, previous))

    def retire(self, *keep: ReleaseSpec) -> dict[str, JsonObject]:
        return self.take(self.platform.retire(self.target, keep))

    def get(self, path: str = "/version") -> str:
        """`status text` of one request through the public port."""
        answer = httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=10)
        return f"{answer.status_code} {answer.text}"

    def holder(self, token: int) -> "World":
        """The same world in the hands of another claim."""
        return replace(self, token=token)

    @contextmanager
    def occupied(self) -> Iterator[None]:
        """Another program listens on the world's port meanwhile."""
        with socket.socket() as other:
            other.bind(("127.0.0.1", self.port))
            other.listen()
            yield

    def close(self) -> None:
        remove_target(self.rig.engine, self.target)
