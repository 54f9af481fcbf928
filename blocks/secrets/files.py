"""Runtime secrets out of files FOLDER/<app>/<environment>/<name>, in one of two layouts.

Own files: written by a person or an agent, mode 0600. A version is the time and the inode of the
last write.

Mounted files: as kubelet and the CSI driver lay out a Secret, whatever made that Secret (External
Secrets among them): names are links into `..data`, itself a link to a folder of one moment, as
in `..2026_11_21_12_00_00.123456789`. A version is that folder's name. The layout's source is
k8s.io/kubernetes/pkg/volume/util/atomic_writer.go.

Neither tells anything of the value, and neither keeps an older one.
"""

import os
import stat
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from pydantic import SecretStr

from slipway.errors import Refused, SecretMissing, Unreachable
from slipway.names import check_name
from slipway.release import Target
from slipway.secret import SecretState, check_value, newest_stays, secret_names, version_gone

LONGEST = 500 * 1024
DATA = "..data"
OTHERS = 0o077
OTHERS_WRITE = 0o022


@dataclass(frozen=True)
class FileSecrets:
    """A SecretStore. Only the newest version of a name can be read."""

    root: Path
    target: Target

    @property
    def keeps_versions(self) -> bool:
        """A file holds one value."""
        return False

    @property
    def folder(self) -> Path:
        """Where the target's files are."""
        return self.root / self.target.app / self.target.environment

    def versions(self, names: list[str]) -> dict[str, str]:
        """The version of each name as written now.

        Raises:
            SecretMissing: a file is missing, empty, or open to others.
            Unreachable: the folder cannot be read.
        """
        return {name: self.state(name).version for name in names}

    def state(self, name: str) -> SecretState:
        """See SecretStore. When a mounted value was written is not known: kubelet writes the files
        anew for each pod.
        """
        file = self._file(name)
        with file.open() as stream:
            return file.state(os.fstat(stream.fileno()))

    def read(self, name: str, version: str) -> SecretStr:
        """The value, if the file still holds that version.

        Raises:
            SecretMissing: the file is gone or was written again, or is no text.
        """
        file = self._file(name)
        with file.open() as stream:
            found = file.state(os.fstat(stream.fileno())).version
            data = stream.read(LONGEST)
        if found != version:
            raise version_gone(name, version, found)
        try:
            return SecretStr(data.decode().rstrip("\n"))
        except UnicodeDecodeError:
            raise file.missing("not UTF-8") from None

    def names(self) -> list[str]:
        """See SecretStore."""
        self._reach()
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        return secret_names(path.name for path in found if path.is_file())

    def write(self, name: str, value: SecretStr) -> str:
        """Put the value in the place of the older one, durably; its version.

        Raises:
            BadInput: an empty value, or no name. Refused: the orchestrator mounted the files.
            Unreachable: the folder is not there, or cannot be written.
        """
        check_value(name, value, LONGEST)
        self._refuse_mounted(name)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _replace(self.folder / name, value.get_secret_value().encode())
        except OSError as error:
            raise _unwritable(self.folder, error) from None
        return self.state(name).version

    def delete(self, name: str) -> None:
        """See SecretStore."""
        self._refuse_mounted(name)
        try:
            (self.folder / check_name(name)).unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(self.folder, error) from None

    def forget(self, name: str, version: str) -> None:
        """See SecretStore; no older version is there to be forgotten."""
        if name in self.names() and self.state(name).version == version:
            raise newest_stays(name, version)

    def _reach(self) -> None:
        if not self.root.is_dir():
            raise Unreachable(
                f"the secrets folder {self.root} is not there",
                next_step="mount it, or correct SLIPWAY_SECRETS=files:FOLDER",
            )

    def _file(self, name: str) -> "SecretFile":
        self._reach()
        return SecretFile(name, self.folder / check_name(name), mounted_at(self.folder))

    def _refuse_mounted(self, name: str) -> None:
        self._reach()
        if mounted_at(self.folder):
            raise Refused(
                f"secret {name} is a file that the orchestrator mounted",
                found=str(self.folder / check_name(name)),
                allowed="files of its own: FOLDER/APP/ENVIRONMENT/NAME without ..data",
                next_step="write it where the Secret comes from, as in the cluster's store",
            )


@dataclass(frozen=True)
class SecretFile:
    """One file: `moment` is the folder that `..data` names, or None where there is none."""

    name: str
    path: Path
    moment: str | None

    @property
    def place(self) -> Path:
        """What to open. A mount is opened below its moment, so that an exchange cannot mix two."""
        return self.path.parent / self.moment / self.name if self.moment else self.path

    def open(self) -> BinaryIO:
        """The open file. Raises SecretMissing where it cannot be opened."""
        try:
            return self.place.open("rb")
        except OSError as error:
            raise self.missing(error.strerror or type(error).__name__) from None

    def state(self, status: os.stat_result) -> SecretState:
        """Its version, if it may be used.

        Raises:
            SecretMissing: it is no file, empty, too long, or open to others.
        """
        if problem := unusable(status, mounted=self.moment is not None):
            raise self.missing(problem)
        if self.moment:
            return SecretState(name=self.name, version=self.moment.lstrip("."), written=None)
        written = datetime.fromtimestamp(status.st_mtime, UTC)
        version = f"{status.st_mtime_ns:x}.{status.st_ino:x}"
        return SecretState(name=self.name, version=version, written=written)

    def missing(self, found: str) -> SecretMissing:
        """The error that names the file."""
        mode = "that others cannot write" if self.moment else "of mode 0600"
        return SecretMissing(
            f"runtime secret {self.name} is missing",
            found=f"{self.path}: {found}",
            allowed=f"a file {mode}, 1 to {LONGEST} bytes",
            next_step=f"write the value to {self.path}",
        )


def mounted_at(folder: Path) -> str | None:
    """The name of the moment that `..data` points to, or None where nothing is mounted so."""
    try:
        return (folder / DATA).readlink().name
    except OSError:
        return None


def unusable(status: os.stat_result, *, mounted: bool) -> str | None:
    """Why the file cannot be used, or None. Pure.

    Kubelet chooses owner and mode of what it mounts (0644, 0440 with fsGroup, 0400), in a file
    system that only this container sees: there, only what others could write is refused.
    """
    if not stat.S_ISREG(status.st_mode):
        return "no file"
    if status.st_mode & (OTHERS_WRITE if mounted else OTHERS):
        verb = "written" if mounted else "read"
        return f"mode {status.st_mode & 0o777:04o}, can be {verb} by others"
    return None if 0 < status.st_size <= LONGEST else f"{status.st_size} bytes"


def _replace(path: Path, data: bytes) -> None:
    """Nobody ever sees half a file; what is there after a power cut is the old or the new one."""
    descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _unwritable(folder: Path, error: OSError) -> Unreachable:
    return Unreachable(
        f"the secrets folder {folder} cannot be written",
        found=error.strerror or type(error).__name__,
        next_step="give this user the folder, or write the files where they come from",
    )
