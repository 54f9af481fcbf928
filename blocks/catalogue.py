"""Every block type of Slipway, for `prefect block register -m blocks.catalogue`."""

from blocks.builders.prefect import DockerImageBuilder
from blocks.ledgers.directory import DirectoryLedger
from blocks.platforms.docker import DockerPlatform
from blocks.registries.prefect import OciRegistry
from blocks.scanners.prefect import TrivyScanner
from blocks.secrets.prefect import PrefectSecrets

__all__ = [
    "DirectoryLedger",
    "DockerImageBuilder",
    "DockerPlatform",
    "OciRegistry",
    "PrefectSecrets",
    "TrivyScanner",
]
