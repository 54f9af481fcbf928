"""One target in a namespace of a real cluster: a platform, specifications, steps taken by hand."""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from blocks.platforms.kubernetes import KubernetesPlatform
from blocks.platforms.kubernetes_access import by_settings
from slipway.canonical import JsonObject
from slipway.platform import Step, StepContext
from slipway.release import (
    Health,
    KubernetesSpec,
    ReleaseSpec,
    Resources,
    ServiceSpec,
    Target,
    Weight,
)
from tests.rig.docker_world import MIB, read_secret
from tests.rig.docker_world import service as docker_service
from tests.rig.kubernetes_rig import Cluster

PORT = 8080


def service(name: str, image: str, version: str, mode: str = "ok", **config: str) -> ServiceSpec:
    """The test app as a service that leaves room for many on a small node."""
    made = docker_service(name, image, version, mode, **config)
    small = Resources(memory_bytes=64 * MIB, cpu_millis=150, pids=64)
    return made.model_copy(update={"resources": small})


def asking(spec: ReleaseSpec, **wanted: Any) -> ReleaseSpec:
    """The same release with more beside its workloads."""
    assert spec.kubernetes
    return ReleaseSpec.model_validate(
        {**dict(spec), "kubernetes": {**dict(spec.kubernetes), **wanted}}
    )


@dataclass
class KubernetesWorld:
    """A target of its own; `token` is the claim that its steps are taken under.

    `seconds` holds how long each step took when it was taken last, also when it failed.
    """

    cluster: Cluster
    namespace: str
    image: str
    target: Target = field(default_factory=lambda: Target(app="shop", environment="dev"))
    token: int = 1
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    check: Callable[[], None] = lambda: None

    @property
    def platform(self) -> KubernetesPlatform:
        access = by_settings(self.cluster.kubeconfig, self.cluster.context)
        return KubernetesPlatform(access, self.namespace)

    def spec(
        self,
        version: str = "one",
        mode: str = "ok",
        *,
        services: Sequence[ServiceSpec] = (),
        replicas: int = 1,
        deadline: int = 30,
        bake_millis: int = 300,
        secrets: dict[str, str] | None = None,
        strategy: str = "rolling",
        image: str = "",
        canary: Sequence[Weight] = (),
        path: str = "/health",
    ) -> ReleaseSpec:
        """One test app that answers `version`, or the given services behind the first of them."""
        web = service("web", image or self.image, version, mode)
        web = web.model_copy(update={"replicas": replicas})
        every = tuple(services) or (web,)
        return ReleaseSpec(
            target=self.target,
            platform="kubernetes",
            services=every,
            front=every[0].name,
            port=PORT,
            strategy=strategy,
            secrets=secrets or {},
            health=Health(path=path, deadline_seconds=deadline, bake_millis=bake_millis),
            kubernetes=KubernetesSpec(
                namespace=self.namespace, service_account="shop", canary=tuple(canary)
            ),
        )

    @property
    def context(self) -> StepContext:
        return StepContext(self.check, self.notes.append, self.token, read_secret, "candidate")

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

    @property
    def address(self) -> str:
        """The front Service's own, reachable from here."""
        return self.cluster.service_address(self.namespace, "web")

    def get(self, path: str = "/version") -> str:
        """`status text` of one request through the front Service."""
        answer = httpx.get(f"http://{self.address}:{PORT}{path}", timeout=10)
        return f"{answer.status_code} {answer.text}"

    def get_once(self, wanted: str, seconds: float = 20) -> str:
        """The answer, once it is that: helm and kubectl do not wait for the node's rules."""
        until = time.monotonic() + seconds
        while (answer := self.get()) != wanted and time.monotonic() < until:
            time.sleep(0.2)
        return answer

    def is_reached(self, seconds: float = 20) -> bool:
        """Whether the Service's own address leads somewhere; the node writes its rules late."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with suppress(httpx.TransportError):
                self.get()
                return True
            time.sleep(0.2)
        return False

    def kubectl(self, *arguments: str, given: str = "") -> str:
        return self.cluster.kubectl(*arguments, namespace=self.namespace, given=given)

    def objects(self, kinds: str) -> list[dict[str, Any]]:
        """Everything of these kinds in the namespace."""
        return list(json.loads(self.kubectl("get", kinds, "--output=json"))["items"])

    def holder(self, token: int) -> "KubernetesWorld":
        """The same world in the hands of another claim."""
        return replace(self, token=token)
