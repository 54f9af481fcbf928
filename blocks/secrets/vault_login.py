"""How a Vault store logs in: a token or an AppRole, whose secrets are named and lie elsewhere."""

import re
from pathlib import Path
from typing import Annotated

import hvac  # type: ignore[import-untyped]
from prefect.blocks.system import Secret
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from blocks.secrets.prefect_answers import load_block
from slipway.errors import AccessDenied, BadInput

_ADDRESS = re.compile(r"https://[^\s/@]+/?|http://(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]+)?/?")


def check_address(value: str) -> str:
    """An address that a token may be sent to; what was given is not told, it may hold one."""
    if not _ADDRESS.fullmatch(value):
        raise BadInput(
            "the address of Vault is not valid",
            allowed="https://HOST[:PORT], or http on 127.0.0.1; no user, no path",
        )
    return value


VaultAddress = Annotated[str, AfterValidator(check_address)]


class Login(BaseModel):
    """A token, or an AppRole with its secret id: each in a Secret block, or in a file."""

    model_config = ConfigDict(extra="forbid")

    token_block: str | None = Field(
        default=None,
        title="Token's block",
        description="Name of the Prefect Secret block that holds the token.",
        examples=["vault-token"],
    )
    token_file: str | None = Field(
        default=None,
        title="Token's file",
        description="File that holds the token, as Vault Agent writes it.",
        examples=["/run/vault/token"],
    )
    role_id: str | None = Field(
        default=None,
        title="Role id",
        description="Role id of the AppRole; it is no secret.",
        examples=["59d6d1ca-47bb-4e7e-a40b-8be3bc5a0ba8"],
    )
    secret_id_block: str | None = Field(
        default=None,
        title="Secret id's block",
        description="Name of the Prefect Secret block that holds the AppRole's secret id.",
        examples=["vault-secret-id"],
    )
    secret_id_file: str | None = Field(
        default=None,
        title="Secret id's file",
        description="File that holds the AppRole's secret id.",
        examples=["/run/vault/secret-id"],
    )
    approle_mount: str = Field(
        default="approle",
        title="AppRole's mount",
        description="Where the AppRole method is mounted.",
        examples=["approle"],
    )

    @model_validator(mode="after")
    def _one_way(self) -> "Login":
        token = [self.token_block, self.token_file]
        secret_id = [self.secret_id_block, self.secret_id_file]
        given = [len([way for way in ways if way]) for ways in (token, secret_id)]
        if given != ([0, 1] if self.role_id else [1, 0]):
            raise BadInput(
                "the login to Vault is not clear",
                found=", ".join(sorted(self.model_fields_set)) or "nothing",
                allowed="token_block or token_file; or role_id with secret_id_block or _file",
            )
        return self

    def enter(self, client: hvac.Client) -> None:
        """Log the client in.

        Raises:
            AccessDenied: the file or the block with the token is not there, or is empty.
            Unreachable: the Prefect server did not answer for the block.
        """
        if self.role_id is None:
            client.token = _secret(self.token_block, self.token_file).get_secret_value()
            return
        secret_id = _secret(self.secret_id_block, self.secret_id_file).get_secret_value()
        client.auth.approle.login(self.role_id, secret_id, mount_point=self.approle_mount)


def _secret(block: str | None, file: str | None) -> SecretStr:
    found = _of_block(block) if block else _of_file(Path(file or ""))
    if not found.get_secret_value():
        raise _not_there(f"{block or file} is empty")
    return found


def _of_file(path: Path) -> SecretStr:
    try:
        return SecretStr(path.read_text().strip())
    except (OSError, UnicodeDecodeError) as error:
        raise _not_there(f"{path}: {type(error).__name__}") from None


def _of_block(name: str) -> SecretStr:
    return SecretStr(str(load_block(Secret, name).value.get_secret_value()))


def _not_there(found: str) -> AccessDenied:
    return AccessDenied(
        "the credential for Vault is not there",
        found=found,
        next_step="write it there, or correct the block's login",
    )
