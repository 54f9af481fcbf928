"""Runtime secrets out of Prefect Secret blocks.

A version is the block document's id and the moment it was last saved, so it tells nothing of the
value, and differs after each save. Prefect keeps no older value: only the newest can be read.
"""

import json
from typing import Any

import httpx
from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from pydantic import Field, SecretStr

from slipway.canonical import canonical_json
from slipway.errors import SecretMissing, Unreachable
from slipway.release import Target


def secret_prefix(target: Target) -> str:
    """What the names of a target's Secret blocks begin with. Pure.

    No name holds two dashes in a row, so `shop` in `prod-eu` and `shop-prod` in `eu` never meet.
    """
    return f"{target.app}--{target.environment}"


def secret_block(prefix: str, name: str) -> str:
    """Name of the Secret block that holds one runtime secret. Pure."""
    return f"{prefix}--{name}"


class PrefectSecrets(Block):
    """A SecretSource: the Secret blocks of one app and environment, told apart by a prefix."""

    _block_type_name = "Slipway Prefect secrets"
    _block_type_slug = "slipway-prefect-secrets"
    _description = "Reads runtime secrets from Prefect Secret blocks, at last use."

    prefix: str = Field(
        title="Prefix",
        description="Secret blocks are named PREFIX--NAME, as in shop--prod--database-url.",
        examples=["shop--prod"],
        pattern=r"^[a-z][a-z0-9]*(-{1,2}[a-z0-9]+)*$",
    )

    def versions(self, names: list[str]) -> dict[str, str]:
        """The version of each name as saved now; no value leaves the server.

        Raises:
            SecretMissing: a name has no Secret block.
            Unreachable: the Prefect server did not answer.
        """
        return {name: version_of(self._document(name, with_value=False)) for name in names}

    def read(self, name: str, version: str) -> SecretStr:
        """The value, if the block still holds that version. Version and value come in one answer.

        Raises:
            SecretMissing: the block is gone or was saved again.
            Unreachable: the Prefect server did not answer.
        """
        document = self._document(name, with_value=True)
        if version_of(document) != version:
            raise SecretMissing(
                f"secret {name} no longer has the version that was planned",
                found=version_of(document),
                allowed=version,
                next_step="plan again: the release takes the new version",
            )
        return _plain(document.data.get("value"), name)

    def _document(self, name: str, *, with_value: bool) -> BlockDocument:
        block = secret_block(self.prefix, name)
        try:
            with get_client(sync_client=True) as client:
                return client.read_block_document_by_name(
                    block, "secret", include_secrets=with_value
                )
        except ObjectNotFound:
            raise _missing(name, f"no Secret block {block!r}") from None
        except (httpx.HTTPError, PrefectHTTPStatusError) as error:
            raise Unreachable(
                f"the Prefect server did not answer for secret {name}",
                found=type(error).__name__,
                next_step="slipway doctor; the server's address is in PREFECT_API_URL",
            ) from None


def version_of(document: BlockDocument) -> str:
    """The version of a saved block: its id and when it was saved; never looks at the value."""
    if document.updated is None:
        raise SecretMissing(f"Secret block {document.name!r} was never saved")
    return f"{document.id.hex}.{document.updated:%Y%m%dT%H%M%S.%f}"


def _plain(value: Any, name: str) -> SecretStr:
    """A text as it is; a structure as canonical JSON."""
    if isinstance(value, str) and value:
        return SecretStr(value)
    if isinstance(value, dict | list | int):
        return SecretStr(canonical_json(json.loads(json.dumps(value))).decode())
    raise _missing(name, "an empty Secret block")


def _missing(name: str, found: str) -> SecretMissing:
    return SecretMissing(
        f"runtime secret {name} is missing",
        found=found,
        allowed="a Prefect Secret block with a value",
        next_step=(
            "save it in the Prefect UI under Blocks, or: "
            "python -c 'import getpass; from prefect.blocks.system import Secret; "
            'Secret(value=getpass.getpass()).save("BLOCK")\''
        ),
    )
