"""Runtime secrets out of files FOLDER/<app>/<environment>/<name>, as a mount or an agent has them.

A version is the time and the inode of the last write, so it tells nothing of the value.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from slipway.errors import SecretMissing, Unreachable
from slipway.release import Target

LONGEST = 500 * 1024
OTHERS = 0o077


@dataclass(frozen=True)
class FileSecrets:
    """A SecretSource. Only the newest version of a name can be read."""

    root: Path
    target: Target

    def versions(self, names: list[str]) -> dict[str, str]:
        """The version of each name as written now.

        Raises:
            SecretMissing: a file is missing, empty, or readable by others.
            Unreachable: the folder cannot be read.
        """
        if not self.root.is_dir():
            raise Unreachable(
                f"the secrets folder {self.root} is not there",
                next_step="mount it, or correct SLIPWAY_SECRETS=files:FOLDER",
            )
        return {name: _version(self._usable(name)) for name in names}

    def read(self, name: str, version: str) -> SecretStr:
        """The value, if the file still holds that version.

        Raises:
            SecretMissing: the file is gone or was written again.
        """
        self._usable(name)
        with self._path(name).open(encoding="utf-8") as stream:
            found, value = _version(os.fstat(stream.fileno())), stream.read(LONGEST).rstrip("\n")
        if found != version:
            raise SecretMissing(
                f"secret {name} no longer has the version that was planned",
                found=found,
                allowed=version,
                next_step="plan again: the release takes the new version",
            )
        return SecretStr(value)

    def _path(self, name: str) -> Path:
        return self.root / self.target.app / self.target.environment / name

    def _usable(self, name: str) -> os.stat_result:
        path = self._path(name)
        try:
            status = path.stat()
        except OSError as error:
            raise _missing(name, path, error.strerror or type(error).__name__) from None
        if status.st_mode & OTHERS:
            raise _missing(name, path, f"mode {status.st_mode & 0o777:04o}, readable by others")
        if not 0 < status.st_size <= LONGEST:
            raise _missing(name, path, f"{status.st_size} bytes")
        return status


def _version(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns:x}.{status.st_ino:x}"


def _missing(name: str, path: Path, found: str) -> SecretMissing:
    return SecretMissing(
        f"runtime secret {name} is missing",
        found=f"{path}: {found}",
        allowed=f"a file of mode 0600, 1 to {LONGEST} bytes",
        next_step=f"write the value to {path}",
    )
