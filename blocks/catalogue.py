"""Every kind of block. Registered by: prefect block register -m blocks.catalogue"""

from blocks.ledgers.directory import DirectoryLedger
from blocks.platforms.docker import DockerPlatform
from blocks.secrets.prefect import PrefectSecrets

__all__ = ["DirectoryLedger", "DockerPlatform", "PrefectSecrets"]
