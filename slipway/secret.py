"""Runtime secrets: named and versioned everywhere, valued only at last use."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from pydantic import SecretStr

from slipway.errors import BadInput, SecretMissing
from slipway.names import check_name
from slipway.release import Frozen


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


class SecretState(Frozen):
    """What may be told of a secret. `written` is when that version was written, if known."""

    name: str
    version: str
    written: datetime | None


class SecretStore(SecretSource, Protocol):
    """A source that can be written as well: for one target, names without its prefix.

    Every method may raise Unreachable (retryable) and AccessDenied (the identity may not).
    """

    @property
    def keeps_versions(self) -> bool:
        """Whether `read` still gives an older version after `write`."""

    def names(self) -> list[str]:
        """Every name the store holds for this target, sorted; no value is asked for."""

    def state(self, name: str) -> SecretState:
        """The newest version and when it was written.

        Raises:
            SecretMissing: the store has no such name.
        """

    def write(self, name: str, value: SecretStr) -> str:
        """Make the value the newest; its version. The version before stays readable, if kept.

        Raises:
            BadInput: an empty value, one the store is too small for, or no name.
            Refused: the store cannot be written from here.
        """

    def delete(self, name: str) -> None:
        """Remove the name with all its versions; a missing one is no error."""

    def forget(self, name: str, version: str) -> None:
        """Drop one older version, never the newest; a missing one is no error.

        Raises:
            BadInput: it is the newest.
        """


def secret_names(found: Iterable[str]) -> list[str]:
    """Those of a store's entries that can be names of runtime secrets, sorted; others are left."""

    def fits(text: str) -> bool:
        try:
            return bool(check_name(text))
        except BadInput:
            return False

    return sorted({text for text in found if fits(text)})


def check_value(name: str, value: SecretStr, longest: int) -> None:
    """Hold what is to be written to what a store takes. The value is not shown.

    Args:
        longest: bytes that the store takes, in UTF-8.

    Raises:
        BadInput: an empty value, a too long one, or no name.
    """
    check_name(name)
    size = len(value.get_secret_value().encode())
    if not 0 < size <= longest:
        raise BadInput(
            f"runtime secret {name} cannot be stored",
            found=f"{size} bytes",
            allowed=f"1 to {longest} bytes",
            next_step="give another value, or keep large files elsewhere",
        )


def version_gone(name: str, version: str, found: str) -> SecretMissing:
    """The error of a `read` whose version is no longer there."""
    return SecretMissing(
        f"secret {name} no longer has the version that was planned",
        found=found,
        allowed=version,
        next_step="plan again: the release takes the new version",
    )


def newest_stays(name: str, version: str) -> BadInput:
    """The error of a `forget` that would drop what is current."""
    return BadInput(
        f"secret {name}: its newest version cannot be forgotten",
        found=version,
        allowed="an older version",
        next_step="delete the secret, or write a newer version first",
    )
