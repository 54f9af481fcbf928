"""From one store in which everything lay side by side to two tiers: plan, apply, verify, undo.

Apply only adds: it copies runtime secrets to the environment's store under names of its own, and
journals each before and after. Nothing old is removed before its copy was compared and somebody
said so. Values are read and compared in memory, in constant time; nothing here shows or keeps one.
"""

import hmac
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pydantic import SecretStr

from slipway.errors import BadInput, Refused, SecretMissing
from slipway.release import Frozen
from slipway.secret import SecretState, SecretStore
from slipway.secret_check import Pins
from slipway.secret_journal import Copy, Journal, Phase
from slipway.secret_tiers import Tier, jenkins_id, store_name, tier_of


class OldStore(Protocol):
    """The one store from before. Its names may have any spelling."""

    def names(self) -> list[str]:
        """Every name, sorted; no value is asked for."""

    def state(self, name: str) -> SecretState:
        """The newest version. Raises SecretMissing."""

    def read(self, name: str, version: str) -> SecretStr:
        """The value of that version. Raises SecretMissing."""

    def delete(self, name: str) -> None:
        """Remove it; a missing one is no error."""


class Move(Frozen):
    """Where one old name belongs.

    Attributes:
        to: name in the runtime store, Jenkins credential id, or None.
        how: what happens to it, or has to be done by hand.
    """

    old: str
    tier: Tier
    to: str | None
    how: str


def plan_migration(
    names: Iterable[str], declared: Collection[str], told: Mapping[str, Tier] | None = None
) -> list[Move]:
    """Where each old name belongs. Pure.

    Args:
        declared: runtime secrets of the app file.
        told: tiers that somebody decided, by old name; they win.

    Raises:
        BadInput: a tier was told for a name that is not there, or two names become one.
    """
    names, told = sorted(names), told or {}
    if unknown := sorted(set(told) - set(names)):
        raise BadInput(
            "the old store has no such name", found=ascii(unknown[0][:80]), allowed=", ".join(names)
        )
    moves = [_move(name, told.get(name) or tier_of(name, declared), declared) for name in names]
    _refuse_meeting(moves)
    return moves


def _move(name: str, tier: Tier, declared: Collection[str]) -> Move:
    match tier:
        case Tier.BUILD:
            known = jenkins_id(name)
            own = "" if known else " of its own"
            how = f"by hand: a Jenkins credential{own}, by JCasC; revoke this one"
            return Move(old=name, tier=tier, to=known, how=how)
        case Tier.RUNTIME:
            new = store_name(name)
            how = "copied" if new in declared else f"copied; declare secrets.{new} in slipway.yaml"
            return Move(old=name, tier=tier, to=new, how=how)
        case Tier.CONFIG:
            how = "by hand: config in slipway.yaml, or a Prefect Variable"
            return Move(old=name, tier=tier, to=None, how=how)
    how = f"decide: --tier {name}=runtime, build or config"
    return Move(old=name, tier=tier, to=None, how=how)


def _refuse_meeting(moves: Iterable[Move]) -> None:
    taken: dict[str, str] = {}
    for move in moves:
        if move.tier is Tier.RUNTIME and move.to:
            other = taken.setdefault(move.to, move.old)
            if other != move.old:
                raise BadInput(
                    f"two old names would become {move.to}",
                    found=ascii(f"{other}, {move.old}"[:200]),
                    allowed="one old name for each new one",
                    next_step="remove the one that nobody uses from the old store",
                )


class Found(StrEnum):
    """How one copy stands."""

    EQUAL = "equal"
    DIFFERENT = "DIFFERENT"
    MISSING = "MISSING"
    OLD_GONE = "the old one is gone"


class Checked(Frozen):
    """One copy, compared."""

    old: str
    new: str
    found: Found


@dataclass(frozen=True)
class Migration:
    """One old store, one target's store, and the journal between them.

    Attributes:
        save: writes the journal durably, before and after each act.
    """

    old: OldStore
    new: SecretStore
    journal: Journal
    save: Callable[[Journal], None]
    note: Callable[[str], None]

    def apply(self, moves: Iterable[Move]) -> Journal:
        """Copy every runtime secret that is not there yet. Run twice, it writes nothing more.

        Raises:
            Refused: a new name is taken by another value, which is never overwritten.
        """
        journal = self.journal
        for move in moves:
            if move.tier is Tier.RUNTIME and move.to:
                journal = self._copy(journal, move.old, move.to)
        return journal

    def _copy(self, journal: Journal, old: str, new: str) -> Journal:
        begun = journal.find(new)
        if begun and begun.phase is not Phase.INTENDED:
            return journal
        state = self.old.state(old)
        value = self.old.read(old, state.version)
        there = self._there(new)
        if there is None:
            begun = Copy(old=old, old_version=state.version, new=new, phase=Phase.INTENDED)
            journal = self._saved(journal.having(begun))
            version = self.new.write(new, value)
            self.note(f"{old} was copied to the runtime store as {new}, version {version}")
            return self._saved(journal.having(begun.written(version)))
        if not is_equal(value, self.new.read(new, there.version)):
            raise _taken(old, new)
        if begun:
            return self._saved(journal.having(begun.written(there.version)))
        found = Copy(
            old=old,
            old_version=state.version,
            new=new,
            phase=Phase.FOUND,
            version=there.version,
        )
        return self._saved(journal.having(found))

    def verify(self) -> list[Checked]:
        """Compare each copy with its original.

        Raises:
            Refused: nothing was applied yet.
        """
        if not self.journal.copies:
            raise Refused("nothing was copied yet", next_step="slipway secrets migrate apply")
        return [self._check(copy) for copy in self.journal.copies]

    def _check(self, copy: Copy) -> Checked:
        there, here = self._there(copy.new), self._old_state(copy.old)
        if there is None:
            found = Found.MISSING
        elif here is None:
            found = Found.OLD_GONE
        else:
            same = is_equal(
                self.old.read(copy.old, here.version), self.new.read(copy.new, there.version)
            )
            found = Found.EQUAL if same else Found.DIFFERENT
        return Checked(old=copy.old, new=copy.new, found=found)

    def remove_old(self, moved: Collection[str] = ()) -> list[str]:
        """Remove originals whose copies are equal now, and names that somebody moved by hand.

        Args:
            moved: old names of build credentials and config, of which only people know that they
                are in Jenkins or in the app file.

        Raises:
            Refused: a copy is not equal to its original; nothing is removed then.
            BadInput: a moved name was copied, or is not there.
        """
        checked = self.verify()
        if bad := [one for one in checked if one.found not in (Found.EQUAL, Found.OLD_GONE)]:
            raise Refused(
                f"{bad[0].new} is not equal to {bad[0].old}: nothing was removed",
                found=str(bad[0].found),
                allowed="every copy equal to its original",
                next_step="slipway secrets migrate apply, then verify",
            )
        self._refuse_unknown(moved, {one.old for one in checked})
        removed = [one.old for one in checked if one.found is Found.EQUAL] + sorted(moved)
        for name in removed:
            self.old.delete(name)
            self.note(f"{name} was removed from the old store")
        self._saved(self.journal.model_copy(update={"old_removed": True}))
        return removed

    def _refuse_unknown(self, moved: Collection[str], copied: Collection[str]) -> None:
        known = [name for name in self.old.names() if name not in copied]
        if unknown := sorted(set(moved) - set(known)):
            raise BadInput(
                "only what was moved by hand can be named so",
                found=ascii(unknown[0][:80]),
                allowed=", ".join(known) or "nothing is left",
            )

    def undo(self, pins: Pins) -> list[str]:
        """Remove what apply wrote, and nothing else; new names that were there before stay.

        Raises:
            Refused: originals are removed already, a release needs a copy, or it was rotated.
        """
        written = [one for one in self.journal.copies if one.phase is not Phase.FOUND]
        for copy in written:
            self._refuse_undo(copy, pins)
        journal = self.journal
        for copy in written:
            self.new.delete(copy.new)
            self.note(f"{copy.new} was removed from the runtime store")
            journal = self._saved(journal.without(copy.new))
        self._saved(Journal())
        return [copy.new for copy in written]

    def _refuse_undo(self, copy: Copy, pins: Pins) -> None:
        there, here = self._there(copy.new), self._old_state(copy.old)
        if there is None:
            return
        found = None
        if self.journal.old_removed or here is None:
            found = f"{copy.old} is no longer in the old store"
        elif copy.new in pins.names:
            found = f"a release needs {copy.new}"
        elif copy.version not in (None, there.version):
            found = f"{copy.new} was written again since, as version {there.version}"
        elif not is_equal(
            self.old.read(copy.old, here.version), self.new.read(copy.new, there.version)
        ):
            found = f"{copy.new} holds another value than {copy.old}"
        if found:
            raise Refused(
                "the migration cannot be undone: nothing was removed",
                found=found,
                allowed="copies that nothing depends on yet",
                next_step="delete single secrets from the store by hand, if that is wanted",
            )

    def _saved(self, journal: Journal) -> Journal:
        self.save(journal)
        return journal

    def _there(self, name: str) -> SecretState | None:
        return self.new.state(name) if name in self.new.names() else None

    def _old_state(self, name: str) -> SecretState | None:
        try:
            return self.old.state(name)
        except SecretMissing:
            return None


def is_equal(one: SecretStr, other: SecretStr) -> bool:
    """Whether two values are the same, in constant time."""
    return hmac.compare_digest(one.get_secret_value().encode(), other.get_secret_value().encode())


def _taken(old: str, new: str) -> Refused:
    return Refused(
        f"{new} is in the runtime store already, with another value than {old}",
        found="two values, neither of which is shown",
        allowed="a new name that is free, or has the same value",
        next_step=f"decide which one is right; to leave the old one out: --tier {old}=config",
    )
