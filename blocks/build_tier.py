"""What the tier that builds works with, put together from its settings at the moment of use.

The credentials live in this process alone: no flow or task takes or returns them.
"""

from dataclasses import dataclass, field
from functools import cached_property

import docker
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from blocks.builders.bases import BaseResolver
from blocks.builders.docker import DockerBuilder
from blocks.engines import connect_engine
from blocks.registries.hosts import base_url
from blocks.registries.oci import Registry
from blocks.registries.transport import Credentials, Transport
from blocks.scanners.trivy import Trivy
from slipway.dsse import own_key, public_keys
from slipway.errors import BadInput
from slipway.settings import BuildSettings, build_settings


@dataclass(frozen=True)
class BuildTier:
    """One agent that builds.

    Raises, at the first use of a part:
        BadInput: settings or signing key are missing or wrong.
        Unreachable: the engine does not answer.
    """

    settings: BuildSettings = field(default_factory=build_settings, repr=False)

    @property
    def host(self) -> str:
        """The registry that images go to."""
        return self.settings.registry

    @property
    def seconds(self) -> float:
        """Longest time of one build, scan or test command."""
        return self.settings.minutes * 60

    @cached_property
    def credentials(self) -> Credentials | None:
        """The registry's login, None for an anonymous one."""
        login = self.settings.registry_login()
        return Credentials(*login) if login else None

    def registry(self, host: str | None = None) -> Registry:
        """A connection; credentials go to the build tier's own registry only."""
        own = host in {None, self.host}
        transport = Transport(
            host or self.host,
            self.credentials if own else None,
            insecure=self.settings.insecure and own,
        )
        return Registry(transport)

    @property
    def is_insecure(self) -> bool:
        """Whether the registry is spoken to over plain http."""
        return base_url(self.host, insecure=self.settings.insecure).startswith("http://")

    @cached_property
    def engine(self) -> docker.DockerClient:
        """The engine that builds."""
        return connect_engine(self.settings.docker_host)

    @cached_property
    def bases(self) -> BaseResolver:
        """Resolves base images."""
        logins = {self.host: self.credentials} if self.credentials else {}
        return BaseResolver(self.engine, self.registry, logins)

    @cached_property
    def builder(self) -> DockerBuilder:
        """Builds images."""
        return DockerBuilder(
            engine=self.engine,
            bases=self.bases,
            seconds=self.seconds,
            secrets=self.settings.secrets_dir,
        )

    @property
    def trivy(self) -> Trivy:
        """Scans images."""
        return Trivy(
            binary=self.settings.trivy,
            cache=self.settings.trivy_cache_folder,
            seconds=self.seconds,
            docker_host=self.settings.docker_host,
        )

    @property
    def trusted(self) -> list[Ed25519PublicKey]:
        """Keys whose statements about earlier builds count: its own, and those of before."""
        before = self.settings.trusted_keys
        return [self.key.public_key(), *(public_keys(before) if before else [])]

    @cached_property
    def key(self) -> Ed25519PrivateKey:
        """The key that signs attestations.

        Raises:
            BadInput: there is none, or it is no Ed25519 key of mode 0600.
        """
        if not self.settings.signing_key.exists():
            raise BadInput(
                "the build's signing key is not there",
                found=str(self.settings.signing_key),
                next_step="openssl genpkey -algorithm ed25519 -out KEY; chmod 600 KEY",
                stage="sign",
            )
        return own_key(self.settings.signing_key)
