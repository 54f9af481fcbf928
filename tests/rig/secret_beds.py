"""One bed for each store of runtime secrets: how to open it, and how to take it away."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from blocks.secrets.aws_parameter_store import AwsParameterStore
from blocks.secrets.aws_secrets_manager import AwsSecretsManager
from blocks.secrets.files import FileSecrets
from blocks.secrets.prefect import PrefectStore, secret_prefix
from blocks.secrets.vault import VaultKv
from slipway.errors import Unreachable
from slipway.release import Target
from slipway.secret import SecretStore
from tests.fakes.secrets import MemorySecrets
from tests.fakes.vault import FakeVault
from tests.rig.moto import credentials
from tests.rig.prefect_api import PrefectApi

NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Bed:
    """Attributes: store, open and empty; away, the same store whose place does not answer.

    `forgets`: whether a forgotten version is gone at once.
    """

    store: SecretStore
    away: Callable[[], AbstractContextManager[SecretStore]]
    forgets: bool = True


def memory_bed() -> Bed:
    store = MemorySecrets()

    @contextmanager
    def away() -> Iterator[SecretStore]:
        store.fault = Unreachable("the memory is away", next_step="remember it")
        yield store
        store.fault = None

    return Bed(store, away)


def files_bed(folder: Path, target: Target) -> Bed:
    root = folder / "secrets"
    root.mkdir()

    @contextmanager
    def away() -> Iterator[SecretStore]:
        yield FileSecrets(folder / "gone", target)

    return Bed(FileSecrets(root, target), away)


def aws_bed(
    kind: type[AwsSecretsManager | AwsParameterStore], endpoint: str, target: Target
) -> Bed:
    @contextmanager
    def away() -> Iterator[SecretStore]:
        yield kind(credentials=credentials(NOWHERE)).store(target)

    return Bed(kind(credentials=credentials(endpoint)).store(target), away, forgets=False)


def vault_block(vault: FakeVault, token: Path, **changes: object) -> VaultKv:
    fields = {"address": vault.url, "mount": vault.mount, "login": {"token_file": str(token)}}
    return VaultKv.model_validate(fields | changes)


def vault_bed(vault: FakeVault, token: Path, target: Target) -> Bed:
    @contextmanager
    def away() -> Iterator[SecretStore]:
        yield vault_block(vault, token, address=NOWHERE).store(target)

    return Bed(vault_block(vault, token).store(target), away)


def prefect_bed(api: PrefectApi, target: Target) -> Bed:
    store = PrefectStore(secret_prefix(target))

    @contextmanager
    def away() -> Iterator[SecretStore]:
        with api.used(url=f"{NOWHERE}/api"):
            yield store

    return Bed(store, away)
