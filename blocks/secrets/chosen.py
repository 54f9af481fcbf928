"""The store of runtime secrets that SLIPWAY_SECRETS chooses."""

from collections.abc import Callable, Mapping
from pathlib import Path

from slipway.errors import BadInput
from slipway.release import Target
from slipway.secret import SecretStore

FILES = "files"
PREFECT = "prefect"
ALLOWED = "prefect, files:FOLDER, aws-secrets-manager:BLOCK, aws-parameter-store:BLOCK, vault:BLOCK"


def open_store(chosen: str, target: Target) -> SecretStore:
    """The store of that target. Nothing is read from it yet.

    Args:
        chosen: what SLIPWAY_SECRETS says; BLOCK is the name of a saved block of that kind.

    Raises:
        BadInput: it says something else, or there is no such block.
        Unreachable: the Prefect server did not answer for the block.
    """
    kind, _, rest = chosen.partition(":")
    if chosen == PREFECT:
        from blocks.secrets.prefect import PrefectStore, secret_prefix

        return PrefectStore(prefix=secret_prefix(target))
    if kind == FILES and rest:
        from blocks.secrets.files import FileSecrets

        return FileSecrets(Path(rest), target)
    if kind in SAVED and rest:
        return SAVED[kind](rest, target)
    raise BadInput(
        "SLIPWAY_SECRETS names no store of runtime secrets",
        found=ascii(chosen[:80]),
        allowed=ALLOWED,
        next_step=f"add what comes after {kind}:" if kind in {FILES, *SAVED} and not rest else None,
    )


def _aws_secrets_manager(block: str, target: Target) -> SecretStore:
    from blocks.secrets.aws_secrets_manager import AwsSecretsManager
    from blocks.secrets.prefect_answers import load_block

    return load_block(AwsSecretsManager, block).store(target)


def _aws_parameter_store(block: str, target: Target) -> SecretStore:
    from blocks.secrets.aws_parameter_store import AwsParameterStore
    from blocks.secrets.prefect_answers import load_block

    return load_block(AwsParameterStore, block).store(target)


def _vault(block: str, target: Target) -> SecretStore:
    from blocks.secrets.prefect_answers import load_block
    from blocks.secrets.vault import VaultKv

    return load_block(VaultKv, block).store(target)


SAVED: Mapping[str, Callable[[str, Target], SecretStore]] = {
    "aws-secrets-manager": _aws_secrets_manager,
    "aws-parameter-store": _aws_parameter_store,
    "vault": _vault,
}
