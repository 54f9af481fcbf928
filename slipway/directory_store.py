"""A ledger store in a directory: complete temporary file, fsync, link, fsync of the directory.

ROOT/<app>/<environment>/records/000000001.json
ROOT/<app>/<environment>/lease.json
ROOT/<app>/<environment>/waiting/000000001.json
ROOT/<app>/<environment>/evidence/<sha256 hex>
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from slipway.canonical import sha256_digest
from slipway.errors import Unreachable
from slipway.ledger import LEASE
from slipway.names import check_digest
from slipway.release import Target, parse_target


class DirectoryStore:
    """A LedgerStore on one file system that has hard links.

    Raises:
        Unreachable: from every method, where the directory cannot be read or written (full disk,
            permission, missing mount); nothing half-written is ever visible.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def targets(self) -> list[Target]:
        with _as_unreachable(self.root):
            _refuse_unreadable(self.root)
            found = sorted(self.root.glob("*/*/records"))
            return [parse_target(path.parts[-3], path.parts[-2]) for path in found]

    def numbers(self, target: Target) -> list[int]:
        with _as_unreachable(self.root):
            folder = self._folder(target, "records")
            _refuse_unreadable(folder)
            names = folder.glob("[0-9]*.json")
            return sorted(int(path.stem) for path in names)

    def read(self, target: Target, number: int) -> bytes | None:
        return _read(self._record(target, number))

    def create(self, target: Target, number: int, data: bytes) -> bool:
        return _create(self._record(target, number), data)

    def read_lease(self, target: Target, name: str = LEASE) -> bytes | None:
        return _read(self._lease(target, name))

    def write_lease(self, target: Target, data: bytes, name: str = LEASE) -> None:
        path = self._lease(target, name)
        with _as_unreachable(path), _complete_file(path, data) as temporary:
            temporary.replace(path)

    def create_lease(self, target: Target, data: bytes, name: str) -> bool:
        return _create(self._lease(target, name), data)

    def drop_lease(self, target: Target, name: str) -> None:
        path = self._lease(target, name)
        with _as_unreachable(path):
            path.unlink(missing_ok=True)

    def leases(self, target: Target, folder: str) -> list[str]:
        with _as_unreachable(self.root):
            found = self._folder(target, folder).glob("[0-9]*.json")
            return [f"{folder}/{path.stem}" for path in found]

    def now(self) -> datetime:
        return datetime.fromtimestamp(_clock_of(self.root), UTC)

    def age(self, target: Target, number: int | None = None, lease: str = LEASE) -> float | None:
        path = self._record(target, number) if number else self._lease(target, lease)
        with _as_unreachable(path):
            try:
                return _clock_of(path.parent) - path.stat().st_mtime
            except FileNotFoundError:
                return None

    def keep_evidence(self, target: Target, data: bytes) -> str:
        digest = sha256_digest(data)
        _create(self._evidence(target, digest), data)
        return digest

    def read_evidence(self, target: Target, digest: str) -> bytes | None:
        return _read(self._evidence(target, digest))

    def _folder(self, target: Target, *parts: str) -> Path:
        return self.root.joinpath(target.app, target.environment, *parts)

    def _record(self, target: Target, number: int) -> Path:
        return self._folder(target, "records") / f"{number:09d}.json"

    def _lease(self, target: Target, name: str) -> Path:
        return self._folder(target, f"{name}.json")

    def _evidence(self, target: Target, digest: str) -> Path:
        return self._folder(target, "evidence") / check_digest(digest).removeprefix("sha256:")


def _clock_of(folder: Path) -> float:
    """Epoch seconds by the file system's own clock: what it dates a new file with.

    This machine's clock, where nothing can be made in the folder, or in the one it will be made in.
    """
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        with tempfile.TemporaryFile(prefix=".now-", dir=folder) as probe:
            return os.fstat(probe.fileno()).st_mtime
    except OSError:
        return time.time()


def _refuse_unreadable(folder: Path) -> None:
    """Raises OSError; `Path.glob` finds nothing where it may not look, as if nothing was there."""
    with suppress(FileNotFoundError), os.scandir(folder):
        pass


def _read(path: Path) -> bytes | None:
    with _as_unreachable(path):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None


def _create(path: Path, data: bytes) -> bool:
    with _as_unreachable(path), _complete_file(path, data) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        _sync_directory(path.parent)
        return True


@contextmanager
def _complete_file(path: Path, data: bytes) -> Iterator[Path]:
    """A synced temporary file beside the path, gone afterwards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _sync_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _as_unreachable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unreachable(
            f"the ledger at {path} cannot be used",
            found=error.strerror or type(error).__name__,
            next_step="free space or mend access, then: slipway recover, and the command again",
        ) from error
