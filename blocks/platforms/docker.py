"""The Docker engine as a platform: releases stand beside each other behind a front proxy.

docs/docker-platform.md tells how traffic moves and how stale holders are fenced off.
"""

from collections.abc import Sequence

import docker
from docker.errors import DockerException
from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks.platforms import (
    docker_evidence,
    docker_images,
    docker_observe,
    docker_proxy,
    docker_secrets,
    docker_session,
    docker_settle,
)
from blocks.platforms import docker_names as names
from blocks.platforms.docker_containers import checked_user, spec_fields
from blocks.platforms.docker_engine import engine_errors, inspect_or_none
from blocks.platforms.docker_events import last_logs
from blocks.platforms.docker_proxy import ProxySettings
from blocks.platforms.docker_steps import Forward, Retire, Settings, secret_values
from slipway.canonical import JsonObject
from slipway.errors import SlipwayError, WayBackMissing
from slipway.platform import Evidence, Observation, Step
from slipway.release import ReleaseSpec, Target

EVENT_SECONDS = 900


class DockerPlatform(Block):
    """A Docker engine that runs apps behind one front proxy for each environment."""

    _block_type_name = "Slipway Docker platform"
    _block_type_slug = "slipway-docker-platform"
    _description = (
        "Runs releases on a Docker engine, with a front proxy that moves all traffic at once."
    )

    host: str | None = Field(
        default=None,
        title="Engine",
        description="Address of the Docker engine; DOCKER_HOST or the local socket where empty.",
        examples=["unix:///var/run/docker.sock", "tcp://10.0.0.5:2376"],
    )
    bind: str = Field(
        default="127.0.0.1",
        title="Address to bind",
        description="The engine's address on which the front proxies publish their ports.",
        examples=["127.0.0.1", "10.0.0.5"],
        pattern=r"^[0-9]{1,3}(\.[0-9]{1,3}){3}$",
    )
    network_pool: str = Field(
        default="10.213.0.0/16",
        title="Network pool",
        description="Private range; each environment and each release takes a /24 of it.",
        examples=["10.213.0.0/16"],
        pattern=r"^[0-9]{1,3}(\.[0-9]{1,3}){3}/(8|9|1[0-9]|2[0-4])$",
    )
    proxy_image: str = Field(
        default="slipway/proxy:2.6",
        title="Proxy image",
        description="Image of the front proxy, present on the engine; made from docker/proxy.",
        examples=["slipway/proxy:2.6"],
    )
    health_seconds: int = Field(
        default=5,
        title="Health interval",
        description="Seconds between two runs of an image's HEALTHCHECK.",
        examples=[5],
        ge=1,
        le=300,
    )
    drain_seconds: int = Field(
        default=30,
        title="Drain",
        description="Longest wait, in seconds, for requests under way before a container stops.",
        examples=[30],
        ge=0,
        le=3600,
    )
    registry_username: str | None = Field(
        default=None,
        title="Registry user",
        description="User that may pull from the registry; empty where it lets everybody.",
        examples=["deploy"],
    )
    registry_password: SecretStr | None = Field(
        default=None,
        title="Registry password",
        description="Password of that user; handed to the engine with each pull.",
    )

    def render(self, spec: ReleaseSpec) -> dict[str, str]:
        """See Platform.

        Raises:
            BadInput: a service would run as root.
        """
        for service in spec.services:
            checked_user(service)
        return spec_fields(spec)

    def observe(self, target: Target) -> Observation:
        """See Platform."""
        with self._settings().engine() as api:
            return docker_observe.observation(target, docker_observe.see(api, target))

    def prove(self, spec: ReleaseSpec) -> list[str]:
        """See Platform."""
        with self._settings().engine() as api:
            facts = [self._prove_image(api, service.image) for service in spec.services]
            for volume in names.secrets_volumes(spec):
                if not docker_secrets.is_complete(api, spec, volume, self.proxy_image):
                    raise WayBackMissing(
                        f"the secrets of release {spec.id} are gone",
                        found=f"volume {volume} is missing or incomplete",
                        allowed="every version that the release was verified with",
                        next_step="deploy the release again with current secret versions first",
                    )
                facts.append(f"secrets volume {volume} is complete")
            return [*facts, self._warm_fact(api, spec)]

    def fence(self, target: Target, token: int) -> JsonObject:
        """See Platform. Where no proxy was made yet there is nothing to fence."""
        name = names.proxy_name(target)
        with self._settings().engine() as api, engine_errors(f"fencing {target}"):
            found = inspect_or_none(api, name)
            if found is None:
                return {"holder": token, "proxy": None}
            if not docker_proxy.is_running(found):
                docker_proxy.start(api, name)
            routes = docker_session.fence(api, name, token)
            return {"holder": routes.holder, "proxy": name, "sequence": routes.sequence}

    def forward(self, spec: ReleaseSpec, previous: ReleaseSpec | None) -> Sequence[Step]:
        """See Platform.

        Raises:
            BadInput: a service would run as root.
        """
        self.render(spec)
        return Forward(self._settings(), spec, previous).steps()

    def retire(self, target: Target, keep: Sequence[ReleaseSpec]) -> Sequence[Step]:
        """See Platform."""
        return Retire(self._settings(), target, keep).steps()

    def evidence(self, spec: ReleaseSpec) -> list[Evidence]:
        """See Platform."""
        try:
            with self._settings().engine() as api:
                return self._evidence(api, spec)
        except (SlipwayError, DockerException, OSError, ValueError, KeyError) as error:
            return [Evidence("no evidence", (f"{type(error).__name__}: the engine gave none",))]

    def _evidence(self, api: docker.APIClient, spec: ReleaseSpec) -> list[Evidence]:
        secrets = secret_values(api, self._settings(), spec)
        pieces = []
        for container in docker_observe.inspect_services(api, names.release_labels(spec)):
            name = container["Name"].lstrip("/")
            logs = last_logs(api, container["Id"], lines=100)
            inspect = docker_evidence.inspect_lines(container)
            pieces.append(Evidence(f"{name} logs", docker_evidence.redact(logs, secrets)))
            pieces.append(Evidence(f"{name} inspect", docker_evidence.redact(inspect, secrets)))
        now = docker_evidence.engine_time(api)
        filters = names.label_filter(names.release_labels(spec))
        events = api.events(since=now - EVENT_SECONDS, until=now, decode=True, filters=filters)
        lines = [docker_evidence.event_line(e) for e in events if _matters(e)]
        return [*pieces, Evidence("engine events", lines[-100:])]

    def _prove_image(self, api: docker.APIClient, reference: str) -> str:
        problem = docker_images.in_registry(api, reference, self._settings().credentials)
        if problem is None:
            return f"image {reference} can be pulled"
        if docker_images.local_image(api, reference) is not None:
            return f"image {reference} is on the engine; the registry: {problem.message}"
        if problem.retryable:
            raise problem
        raise WayBackMissing(
            f"image {reference} is gone from registry and engine",
            found=problem.found,
            next_step="push the image again, or release forward after removing the environment",
        )

    def _warm_fact(self, api: docker.APIClient, spec: ReleaseSpec) -> str:
        containers = docker_observe.inspect_services(api, names.release_labels(spec))
        running = sum(docker_proxy.is_running(container) for container in containers)
        wanted = len(docker_settle.container_names(spec))
        return f"{running} of {wanted} containers of release {spec.id} are running"

    def _settings(self) -> Settings:
        password = self.registry_password
        credentials = None
        if self.registry_username and password:
            credentials = {
                "username": self.registry_username,
                "password": password.get_secret_value(),
            }
        return Settings(
            host=self.host,
            proxy=ProxySettings(self.proxy_image, self.bind),
            network_pool=self.network_pool,
            health_seconds=self.health_seconds,
            drain_seconds=self.drain_seconds,
            credentials=credentials,
        )


def _matters(event: JsonObject) -> bool:
    return not str(event.get("Action", "")).startswith("exec_")
