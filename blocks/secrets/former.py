"""The one store from before two tiers were kept: Secret blocks or files, named by anybody, flat.

A migration reads it and removes from it what was copied; nothing is ever written to it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectNotFound
from pydantic import SecretStr

from blocks.secrets.prefect_answers import prefect_answers
from blocks.secrets.values import plain
from slipway.errors import BadInput, SecretMissing, Unreachable
from slipway.secret import SecretState, version_gone

KIND = "secret"
OURS = "--"
PAGE = 200
LONGEST = 512 * 1024


@dataclass(frozen=True)
class FormerBlocks:
    """An OldStore: Prefect Secret blocks, but for those that Slipway names APP--ENV--NAME."""

    def names(self) -> list[str]:
        """See OldStore."""
        found: list[str] = []
        with _api() as client:
            while True:
                page = client.read_block_documents_by_type(
                    KIND, offset=len(found), limit=PAGE, include_secrets=False
                )
                found += [document.name or "" for document in page]
                if len(page) < PAGE:
                    return sorted(name for name in found if name and OURS not in name)

    def state(self, name: str) -> SecretState:
        """See OldStore."""
        return _state(name, _document(name, with_value=False))

    def read(self, name: str, version: str) -> SecretStr:
        """See OldStore."""
        document = _document(name, with_value=True)
        if (newest := _state(name, document).version) != version:
            raise version_gone(name, version, newest)
        return plain(document.data.get("value"), name, f"Secret block {name}")

    def delete(self, name: str) -> None:
        """See OldStore."""
        with _api() as client:
            try:
                found = client.read_block_document_by_name(name, KIND, include_secrets=False)
                client.delete_block_document(found.id)
            except ObjectNotFound:
                return


@dataclass(frozen=True)
class FormerFolder:
    """An OldStore: one file for each secret in one folder."""

    folder: Path

    def names(self) -> list[str]:
        """See OldStore."""
        with _files(self.folder):
            found = self.folder.iterdir()
            return sorted(path.name for path in found if path.is_file() and path.name[0] != ".")

    def state(self, name: str) -> SecretState:
        """See OldStore."""
        path = self._path(name)
        with _files(self.folder):
            if not path.is_file():
                raise _missing(name, str(path))
            status = path.stat()
        written = datetime.fromtimestamp(status.st_mtime, UTC)
        version = f"{status.st_mtime_ns:x}.{status.st_ino:x}"
        return SecretState(name=name, version=version, written=written)

    def read(self, name: str, version: str) -> SecretStr:
        """See OldStore."""
        if (newest := self.state(name).version) != version:
            raise version_gone(name, version, newest)
        with _files(self.folder):
            data = self._path(name).read_bytes()
        try:
            return plain(data[:LONGEST].decode().rstrip("\n"), name, str(self._path(name)))
        except UnicodeDecodeError:
            raise _missing(name, f"{self._path(name)} is no text") from None

    def delete(self, name: str) -> None:
        """See OldStore."""
        with _files(self.folder):
            self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        if not name or "/" in name or name[0] == ".":
            raise BadInput("no name of a file in the old store", found=ascii(name[:80]))
        return self.folder / name


def _document(name: str, *, with_value: bool) -> BlockDocument:
    with _api() as client:
        try:
            return client.read_block_document_by_name(name, KIND, include_secrets=with_value)
        except ObjectNotFound:
            raise _missing(name, f"no Secret block {name[:80]!a}") from None


def _state(name: str, document: BlockDocument) -> SecretState:
    saved = document.updated
    version = f"{document.id.hex}.{saved:%Y%m%dT%H%M%S.%f}" if saved else document.id.hex
    return SecretState(name=name, version=version, written=saved)


def _missing(name: str, found: str) -> SecretMissing:
    return SecretMissing(
        f"{name[:80]!a} is not in the old store",
        found=found,
        allowed="a name that it holds, with a value",
        next_step="slipway secrets migrate plan lists them",
    )


@contextmanager
def _api() -> Iterator[SyncPrefectClient]:
    with prefect_answers("the old store"), get_client(sync_client=True) as client:
        yield client


@contextmanager
def _files(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unreachable(
            f"the old store {folder} cannot be used",
            found=error.strerror or type(error).__name__,
            next_step="mend access, or correct --from files:FOLDER",
        ) from None
