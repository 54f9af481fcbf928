"""Runtime secrets: named and versioned everywhere, valued only at last use."""

from typing import Protocol

from pydantic import SecretStr


class SecretReader(Protocol):
    """Reads one value at last use."""

    def __call__(self, name: str, version: str) -> SecretStr:
        """The value of that version.

        Raises:
            SecretMissing: the name or the version is gone.
            Unreachable: the source did not answer.
        """


class SecretSource(Protocol):
    """Where runtime secrets live: a Prefect block, a cloud secret store, mounted files."""

    def versions(self, names: list[str]) -> dict[str, str]:
        """The current version of each name; a version never tells anything of the value.

        Raises:
            SecretMissing: a name is unknown to the source, which the message names.
            Unreachable: the source did not answer.
        """

    def read(self, name: str, version: str) -> SecretStr:
        """See SecretReader."""
