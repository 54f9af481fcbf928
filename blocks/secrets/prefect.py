"""Runtime secrets in Prefect Secret blocks.

A version is the block document's id and the moment it was last saved, so it tells nothing of the
value, and differs after each save. Prefect keeps no older value; `write` therefore first copies the
one that goes to a block of its own, so that it stays readable until it is forgotten.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn
from uuid import UUID

from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import BlockDocumentCreate, BlockDocumentUpdate
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from pydantic import Field, SecretStr

from blocks.secrets.prefect_answers import prefect_answers
from blocks.secrets.values import plain
from slipway.canonical import JsonObject, sha256_digest
from slipway.errors import Busy, SecretMissing
from slipway.names import check_name, short_digest
from slipway.release import Target
from slipway.secret import SecretState, check_value, newest_stays, secret_names, version_gone

KIND = "secret"
KEPT = "--at-"
PAGE = 200
LONGEST = 512 * 1024


def secret_prefix(target: Target) -> str:
    """What the names of a target's Secret blocks begin with. Pure.

    No name holds two dashes in a row, so `shop` in `prod-eu` and `shop-prod` in `eu` never meet.
    """
    return f"{target.app}--{target.environment}"


def secret_block(prefix: str, name: str) -> str:
    """Name of the Secret block that holds one runtime secret. Pure."""
    return f"{prefix}--{check_name(name)}"


def kept_block(prefix: str, name: str, version: str) -> str:
    """Name of the Secret block that keeps one older version. Pure."""
    return f"{secret_block(prefix, name)}{KEPT}{short_digest(sha256_digest(version.encode()))}"


def blocks_request(part: str, offset: int) -> JsonObject:
    """Body of POST /block_documents/filter: Secret blocks with `part` in their name. Pure."""
    return {
        "block_documents": {"name": {"like_": part}},
        "block_types": {"slug": {"any_": [KIND]}},
        "include_secrets": False,
        "sort": "NAME_ASC",
        "limit": PAGE,
        "offset": offset,
    }


def names_among(prefix: str, blocks: list[str]) -> list[str]:
    """The runtime secrets among names of blocks; kept copies and other targets' are none. Pure."""
    begin = f"{prefix}--"
    return secret_names(b.removeprefix(begin) for b in blocks if b.startswith(begin))


class PrefectSecrets(Block):
    """Names the Secret blocks of one app and environment."""

    _block_type_name = "Slipway Prefect secrets"
    _block_type_slug = "slipway-prefect-secrets"
    _description = "Keeps runtime secrets in Prefect Secret blocks; they are read at last use."

    prefix: str = Field(
        title="Prefix",
        description="Secret blocks are named PREFIX--NAME, as in shop--prod--database-url.",
        examples=["shop--prod"],
        pattern=r"^[a-z][a-z0-9]*(-{1,2}[a-z0-9]+)*$",
    )

    def store(self) -> "PrefectStore":
        """The store of that prefix."""
        return PrefectStore(self.prefix)


@dataclass(frozen=True)
class PrefectStore:
    """A SecretStore: the Secret blocks of one app and environment, told apart by a prefix."""

    prefix: str

    @property
    def keeps_versions(self) -> bool:
        """`write` keeps the version before."""
        return True

    def versions(self, names: list[str]) -> dict[str, str]:
        """The version of each name as saved now; no value leaves the server.

        Raises:
            SecretMissing: a name has no Secret block.
            AccessDenied, Unreachable: the Prefect server's answer, or none.
        """
        return {name: self.state(name).version for name in names}

    def state(self, name: str) -> SecretState:
        """See SecretStore; no value leaves the server."""
        block = secret_block(self.prefix, name)
        document = _found(name, block, with_value=False)
        return SecretState(name=name, version=version_of(document), written=document.updated)

    def read(self, name: str, version: str) -> SecretStr:
        """The value of the newest or of a kept version. Version and value come in one answer.

        Raises:
            SecretMissing: the block is gone, or was saved again by something that keeps no copy.
            AccessDenied, Unreachable: the Prefect server's answer, or none.
        """
        block = secret_block(self.prefix, name)
        document = _found(name, block, with_value=True)
        if (newest := version_of(document)) != version:
            block = kept_block(self.prefix, name, version)
            document = _read(name, block, with_value=True) or _gone(name, version, newest)
        return plain(document.data.get("value"), name, f"Secret block {block}")

    def names(self) -> list[str]:
        """See SecretStore."""
        return names_among(self.prefix, self._blocks(f"{self.prefix}--"))

    def write(self, name: str, value: SecretStr) -> str:
        """Copy what is newest to a block of its own, then save the value; its version.

        Killed between the two, it leaves one copy too many, and never one too few.

        Raises:
            BadInput: an empty value, or no name. Busy: somebody else made the block just now.
            AccessDenied, Unreachable: the Prefect server's answer, or none.
        """
        check_value(name, value, LONGEST)
        block = secret_block(self.prefix, name)
        with _api(f"secret {name}") as client:
            if current := _read(name, block, with_value=True):
                kept = kept_block(self.prefix, name, version_of(current))
                _save(client, kept, current.data.get("value"))
            _save(client, block, value.get_secret_value())
        return self.state(name).version

    def delete(self, name: str) -> None:
        """Remove the name's block, its kept copies first."""
        block = secret_block(self.prefix, name)
        for kept in self._blocks(f"{block}{KEPT}"):
            _delete(name, kept)
        _delete(name, block)

    def forget(self, name: str, version: str) -> None:
        """See SecretStore."""
        newest = _read(name, secret_block(self.prefix, name), with_value=False)
        if newest and version_of(newest) == version:
            raise newest_stays(name, version)
        _delete(name, kept_block(self.prefix, name, version))

    def _blocks(self, part: str) -> list[str]:
        found: list[str] = []
        with _api("the names of secrets") as client:
            while True:
                body = blocks_request(part, len(found))
                page = client.request("POST", "/block_documents/filter", json=body).json()
                found += [document["name"] for document in page]
                if len(page) < PAGE:
                    return [block for block in found if block.startswith(part)]


def version_of(document: BlockDocument) -> str:
    """The version of a saved block: its id and when it was saved; never looks at the value."""
    saved: datetime | None = document.updated
    if saved is None:
        raise SecretMissing(f"Secret block {document.name!r} was never saved")
    return f"{document.id.hex}.{saved:%Y%m%dT%H%M%S.%f}"


@contextmanager
def _api(what: str) -> Iterator[SyncPrefectClient]:
    """A client whose errors come out of our tree; an answer's text may hold anything, so none."""
    with prefect_answers(what), get_client(sync_client=True) as client:
        yield client


def _read(name: str, block: str, *, with_value: bool) -> BlockDocument | None:
    with _api(f"secret {name}") as client:
        try:
            return client.read_block_document_by_name(block, KIND, include_secrets=with_value)
        except ObjectNotFound:
            return None


def _found(name: str, block: str, *, with_value: bool) -> BlockDocument:
    return _read(name, block, with_value=with_value) or _missing(name, block)


def _save(client: SyncPrefectClient, block: str, value: Any) -> None:
    """Save the value under that name, whether or not there is one already."""
    try:
        old = client.read_block_document_by_name(block, KIND, include_secrets=False)
    except ObjectNotFound:
        _create(client, block, value)
    else:
        update = BlockDocumentUpdate(
            data={"value": value}, merge_existing_data=False, block_schema_id=old.block_schema_id
        )
        client.update_block_document(old.id, update)


def _create(client: SyncPrefectClient, block: str, value: Any) -> None:
    kind = client.read_block_type_by_slug(KIND)
    schema = client.get_most_recent_block_schema_for_block_type(kind.id)
    document = BlockDocumentCreate(
        name=block,
        data={"value": value},
        block_type_id=kind.id,
        block_schema_id=schema.id if schema else UUID(int=0),
    )
    try:
        client.create_block_document(document)
    except ObjectAlreadyExists:
        raise Busy(
            f"Secret block {block} was made by somebody else just now",
            next_step="look at its state, then write again",
        ) from None


def _delete(name: str, block: str) -> None:
    if document := _read(name, block, with_value=False):
        with _api(f"secret {name}") as client:
            try:
                client.delete_block_document(document.id)
            except ObjectNotFound:
                return


def _gone(name: str, version: str, newest: str) -> NoReturn:
    raise version_gone(name, version, newest)


def _missing(name: str, block: str) -> NoReturn:
    raise SecretMissing(
        f"runtime secret {name} is missing",
        found=f"no Secret block {block!r}",
        allowed="a Prefect Secret block with a value",
        next_step=(
            "save it in the Prefect UI under Blocks, or: "
            "python -c 'import getpass; from prefect.blocks.system import Secret; "
            'Secret(value=getpass.getpass()).save("BLOCK")\''
        ),
    )
