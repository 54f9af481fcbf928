"""What a migration did so far: names and versions, never a value. A file replaced in one move."""

import json
import os
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError

from slipway.errors import BadInput, Unreachable
from slipway.release import Frozen, Target


class Phase(StrEnum):
    """How far one copy is."""

    INTENDED = "intended"  # the new name was absent, and a write was about to begin
    WRITTEN = "written"
    FOUND = "found"  # it was there before, with the same value; undo leaves it


class Copy(Frozen):
    """One old name and its copy. `version` is that of the copy, None before it is written."""

    old: str
    old_version: str
    new: str
    phase: Phase
    version: str | None = None

    def written(self, version: str) -> "Copy":
        """The copy once it is there."""
        return self.model_copy(update={"phase": Phase.WRITTEN, "version": version})


class Journal(Frozen):
    """Every copy, in the order of the plan. `old_removed` once originals were removed."""

    copies: tuple[Copy, ...] = ()
    old_removed: bool = False

    def find(self, new: str) -> Copy | None:
        """The copy of that new name."""
        return next((copy for copy in self.copies if copy.new == new), None)

    def without(self, new: str) -> "Journal":
        """The journal without that copy."""
        left = tuple(copy for copy in self.copies if copy.new != new)
        return self.model_copy(update={"copies": left})

    def having(self, copy: Copy) -> "Journal":
        """The journal with that copy as its last word on the name."""
        others = self.without(copy.new).copies
        return self.model_copy(update={"copies": (*others, copy)})


def journal_path(state: Path, target: Target) -> Path:
    """Where the journal of a target's migration is."""
    return state / "migrations" / f"{target.app}--{target.environment}.json"


def load_journal(path: Path) -> Journal:
    """The journal; an empty one where there is none.

    Raises:
        BadInput: the file is no journal. Unreachable: it cannot be read.
    """
    try:
        return Journal.model_validate(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return Journal()
    except OSError as error:
        raise _unusable(path, error) from error
    except (ValueError, ValidationError):
        raise BadInput(
            f"{path} is no journal of a migration",
            found="text of another form",
            allowed="the file as slipway secrets migrate wrote it",
            next_step="restore it from a backup; undo needs it",
        ) from None


def save_journal(path: Path, journal: Journal) -> None:
    """Replace the file durably, readable by its owner alone.

    Raises:
        Unreachable: it cannot be written.
    """
    temporary = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(json.dumps(journal.model_dump(mode="json"), indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> Unreachable:
    return Unreachable(
        f"the journal {path} cannot be used",
        found=error.strerror or type(error).__name__,
        next_step="free space or mend access, then the same command again",
    )
