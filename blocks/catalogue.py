"""Every block type of Slipway, for `prefect block register -m blocks.catalogue`."""

from blocks.builders.prefect import DockerImageBuilder
from blocks.ledgers.directory import DirectoryLedger
from blocks.platforms.docker import DockerPlatform
from blocks.platforms.kubernetes_block import KubernetesCluster
from blocks.registries.prefect import OciRegistry
from blocks.scanners.prefect import TrivyScanner
from blocks.secrets.aws_parameter_store import AwsParameterStore
from blocks.secrets.aws_secrets_manager import AwsSecretsManager
from blocks.secrets.prefect import PrefectSecrets
from blocks.secrets.vault import VaultKv

__all__ = [
    "AwsParameterStore",
    "AwsSecretsManager",
    "DirectoryLedger",
    "DockerImageBuilder",
    "DockerPlatform",
    "KubernetesCluster",
    "OciRegistry",
    "PrefectSecrets",
    "TrivyScanner",
    "VaultKv",
]
