"""Runtime secrets in HashiCorp Vault, secrets engine KV version 2.

Named FOLDER/APP/ENVIRONMENT/NAME below the engine's mount; the value is the key `value`, or, where
somebody keeps several keys, the whole map as JSON. A version is KV's number with the moment it was
written, since numbers begin again where a secret was removed and made anew. Writes check and set.
Source: https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, NoReturn, TypeVar

import hvac  # type: ignore[import-untyped]
from hvac import exceptions as vault_errors
from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from blocks.secrets.fields import Folder
from blocks.secrets.values import plain
from blocks.secrets.vault_answers import LOGIN, json_of, vault_answers
from blocks.secrets.vault_login import Login, VaultAddress
from slipway.canonical import JsonObject
from slipway.errors import SecretMissing
from slipway.ledger import utc_now
from slipway.names import check_name
from slipway.release import Target
from slipway.secret import SecretState, check_value, newest_stays, secret_names, version_gone

T = TypeVar("T")
VALUE = "value"
LONGEST = 512 * 1024
SECONDS = 15


class VaultKv(Block):
    """Where in Vault runtime secrets are; their values are there alone."""

    _block_type_name = "Slipway Vault KV"
    _block_type_slug = "slipway-vault-kv"
    _description = "Keeps runtime secrets in HashiCorp Vault KV v2; Prefect holds this reference."

    address: VaultAddress = Field(
        title="Address",
        description="Where Vault answers: https, or http on 127.0.0.1 alone.",
        examples=["https://vault.example.org:8200"],
    )
    mount: str = Field(
        default="secret",
        title="Mount",
        description="Where the KV version 2 engine is mounted.",
        examples=["secret"],
        pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$",
        max_length=200,
    )
    folder: Folder = ""
    namespace: str | None = Field(
        default=None,
        title="Namespace",
        description="Namespace of Vault Enterprise or HCP; none by default.",
        examples=["admin/shop"],
    )
    ca_file: str | None = Field(
        default=None,
        title="CA file",
        description="File with the certificates that sign Vault's; the system's by default.",
        examples=["/etc/ssl/certs/company.pem"],
    )
    login: Login = Field(
        title="Login",
        description="A token or an AppRole; what is secret in it is named, and lies elsewhere.",
        examples=[{"token_file": "/run/vault/token"}],
    )

    def store(self, target: Target) -> "VaultStore":
        """The store of one target."""
        folder = f"{self.folder}{target.app}/{target.environment}"
        return VaultStore(self._open, self.mount, folder)

    def _open(self) -> hvac.Client:
        client = hvac.Client(
            url=self.address,
            namespace=self.namespace,
            verify=self.ca_file or True,
            timeout=SECONDS,
            allow_redirects=False,
        )
        with vault_answers(LOGIN):
            self.login.enter(client)
        return client


def number_of(version: str) -> int:
    """KV's number out of a version of ours; 0 where it is none. Pure."""
    number = version.partition(".")[0]
    return int(number) if number.isascii() and number.isdigit() else 0


def version_text(number: int, created: str) -> str:
    """A version of ours out of KV's number and created_time. Pure."""
    return f"{number}.{created}"


def newest_of(metadata: Mapping[str, Any], now: datetime) -> tuple[int, str] | None:
    """Number and created_time of what a read gives now; None where that was deleted. Pure."""
    number = int(metadata["current_version"])
    found = metadata["versions"].get(str(number))
    if not found or found["destroyed"]:
        return None
    ends = found["deletion_time"]
    return None if ends and moment(ends) <= now else (number, found["created_time"])


def moment(text: str) -> datetime:
    """RFC 3339 with up to nine digits of a second, as Vault writes it. Pure."""
    whole, _, rest = text.partition(".")
    digits = rest.rstrip("Z")[:6].ljust(6, "0")
    return datetime.fromisoformat(f"{whole.rstrip('Z')}.{digits}").replace(tzinfo=UTC)


@dataclass
class VaultStore:
    """A SecretStore of one target.

    Attributes:
        enter: opens a client that is logged in; called again, once, where its token has run out.
        folder: path below the mount, without a slash at its end.
    """

    enter: Callable[[], hvac.Client]
    mount: str
    folder: str
    clock: Callable[[], datetime] = utc_now
    _client: hvac.Client | None = field(default=None, repr=False)

    @property
    def keeps_versions(self) -> bool:
        """As many as the engine's max_versions, 10 by default."""
        return True

    def versions(self, names: list[str]) -> dict[str, str]:
        """The newest version of each name; no value leaves Vault. See SecretSource."""
        return {name: self.state(name).version for name in names}

    def state(self, name: str) -> SecretState:
        """See SecretStore; no value leaves Vault."""
        metadata = self._metadata(name) or self._missing(name, "no such path")
        found = newest_of(metadata, self.clock()) or self._missing(name, "its newest was deleted")
        return SecretState(name=name, version=version_text(*found), written=moment(found[1]))

    def read(self, name: str, version: str) -> SecretStr:
        """The value of that version. See SecretReader."""
        asked = {"version": number_of(version), "raise_on_deleted_version": True}
        answer = self._call(self._path(name), "read_secret_version", **asked)
        data = answer["data"] if answer else None
        created = data["metadata"]["created_time"] if data and data["data"] else ""
        if not data or version_text(number_of(version), created) != version:
            raise version_gone(name, version, self.state(name).version)
        values = data["data"]
        value = values[VALUE] if set(values) == {VALUE} else values
        return plain(value, name, self._path(name))

    def names(self) -> list[str]:
        """See SecretStore."""
        answer = self._call(self.folder, "list_secrets")
        return secret_names(answer["data"]["keys"]) if answer else []

    def write(self, name: str, value: SecretStr) -> str:
        """Write the value as the next version, where nobody wrote since we looked; its version.

        Raises:
            Busy: somebody did.
        """
        check_value(name, value, LONGEST)
        newest = (self._metadata(name) or {"current_version": 0})["current_version"]
        secret = {VALUE: value.get_secret_value()}
        answer = self._call(self._path(name), "create_or_update_secret", secret=secret, cas=newest)
        written: JsonObject = (answer or self._missing(name, "no such mount"))["data"]
        return version_text(written["version"], written["created_time"])

    def delete(self, name: str) -> None:
        """See SecretStore."""
        self._call(self._path(name), "delete_metadata_and_all_versions")

    def forget(self, name: str, version: str) -> None:
        """Destroy that version's data. See SecretStore."""
        metadata = self._metadata(name)
        if metadata is None:
            return
        number = number_of(version)
        if number == metadata["current_version"]:
            raise newest_stays(name, version)
        kept = metadata["versions"].get(str(number), {})
        if version_text(number, kept.get("created_time", "")) == version:
            self._call(self._path(name), "destroy_secret_versions", versions=[number])

    def _metadata(self, name: str) -> Mapping[str, Any] | None:
        answer = self._call(self._path(name), "read_secret_metadata")
        return answer["data"] if answer else None

    def _call(self, path: str, act: str, **arguments: Any) -> Any:
        """One call of the KV v2 API; its JSON, None where there is no such path, else nothing."""
        asked = partial(self._ask, act, path=path, mount_point=self.mount, **arguments)
        with vault_answers(path):
            try:
                return json_of(path, asked())
            except vault_errors.Forbidden:
                self._client = None  # a token that has run out is renewed once
            return json_of(path, asked())

    def _ask(self, act: str, **arguments: Any) -> Any:
        if self._client is None:
            self._client = self.enter()
        try:
            return getattr(self._client.secrets.kv.v2, act)(**arguments)
        except vault_errors.InvalidPath:
            return None

    def _path(self, name: str) -> str:
        return f"{self.folder}/{check_name(name)}"

    def _missing(self, name: str, found: str) -> NoReturn:
        raise SecretMissing(
            f"runtime secret {name} is missing",
            found=f"{self.mount}/{self._path(name)}: {found}",
            allowed=f"a KV version 2 secret with the key {VALUE}",
            next_step=f"vault kv put -mount={self.mount} {self._path(name)} {VALUE}=-",
        )
