"""A builder as operators save it. The login of its registry is not in it: see the build tier."""

from pathlib import Path

from prefect.blocks.core import Block
from pydantic import Field

from blocks.builders.bases import BaseResolver, Connect
from blocks.builders.docker import DockerBuilder
from blocks.engines import connect_engine


class DockerImageBuilder(Block):
    """A Docker engine that builds images, with BuildKit where a client can drive it."""

    _block_type_name = "Slipway Docker builder"
    _block_type_slug = "slipway-docker-builder"
    _description = "Builds images of exactly what git holds; unchanged inputs are not built again."

    host: str | None = Field(
        default=None,
        title="Engine",
        description="Address of the Docker engine; DOCKER_HOST or the local socket where empty.",
        examples=["unix:///var/run/docker.sock"],
    )
    minutes: float = Field(
        default=30,
        gt=0,
        title="Minutes",
        description="Longest time of one build.",
        examples=[30],
    )
    secrets: Path | None = Field(
        default=None,
        title="Folder of build secrets",
        description="Holds one file for each build_secrets id of the app files.",
        examples=["/run/credentials/builder"],
    )

    def open(self, connect: Connect) -> DockerBuilder:
        """The builder; `connect` opens the registries that base images are resolved at."""
        engine = connect_engine(self.host)
        return DockerBuilder(
            engine=engine,
            bases=BaseResolver(engine, connect, {}),
            seconds=self.minutes * 60,
            secrets=self.secrets,
        )
