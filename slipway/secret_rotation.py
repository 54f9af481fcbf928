"""A new version of a runtime secret, and the release that brings it in.

The store is written first, then the candidate that serves is deployed again through its gate: no
image is built and no pipeline takes part. Where the release does not come about for good, the value
from before is made the newest again, so that no other release picks up one that failed. A process
that dies in between leaves the old version serving; the same command, or `--resume`, goes on.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from pydantic import SecretStr

from slipway.appfile import Secret
from slipway.claim import open_claim
from slipway.errors import (
    BadInput,
    Final,
    Refused,
    RestoreFailed,
    SecretMissing,
    SlipwayError,
    Superseded,
)
from slipway.execution import Perform, Result, directly
from slipway.history import serving_release
from slipway.ledger import Kind, Record
from slipway.release import Frozen, Target, parse_spec
from slipway.secret import SecretStore
from slipway.secret_check import Pins, pins_of
from slipway.secret_formats import check_format


class Move(StrEnum):
    """What a rotation has to do."""

    WRITE = "write the value, then roll it out"
    ROLL_OUT = "roll out what is stored"
    NOTHING = "nothing: it serves already"


def next_move(serving: str | None, newest: str | None, *, is_new: bool) -> Move:
    """What comes next. Pure.

    Args:
        serving: the version that serves, None where the release has no such secret.
        newest: the store's newest version, None where it holds none.
        is_new: a value was given, and it is another than the newest.
    """
    if is_new or newest is None:
        return Move.WRITE
    return Move.NOTHING if newest == serving else Move.ROLL_OUT


class Rotated(Frozen):
    """How a rotation ended.

    Attributes:
        before, version: the version that served, and the one that serves now.
        forgotten: older versions that no release needs any more.
    """

    name: str
    move: Move
    before: str | None
    version: str
    result: Result | None = None
    forgotten: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rotation:
    """One secret of one target.

    Attributes:
        records: the target's chain, read anew at each call.
        deploy: brings in the candidate that serves, with the newest versions, gate and all.
        resume: the command that finishes a rotation whose value is stored.
    """

    store: SecretStore
    name: str
    records: Callable[[], list[Record]]
    deploy: Callable[[], Awaitable[Result]]
    note: Callable[[str], None]
    resume: str
    perform: Perform = directly

    async def carry_out(self, value: SecretStr | None) -> Rotated:
        """Rotate to the value; without one, roll out what is stored.

        Raises:
            SecretMissing: nothing is stored and no value was given.
            SlipwayError: as `Engine.deploy`; the version from before serves.
        """
        serving = pins_of(self.records()).serving.get(self.name)
        newest = self._newest(value)
        before = self._kept_in_memory(newest, value)
        move = next_move(serving, newest, is_new=not _is_same(before, value))
        version = newest or ""
        if move is Move.WRITE:
            version = await self.perform("new version stored", partial(self._write, serving, value))
        if move is Move.NOTHING:
            return Rotated(name=self.name, move=move, before=serving, version=version)
        result = await self._roll_out(version, before if move is Move.WRITE else None)
        forget = partial(self._forget, [newest] if newest else [])
        return Rotated(
            name=self.name,
            move=move,
            before=serving,
            version=version,
            result=result,
            forgotten=tuple(await self.perform("older versions forgotten", forget)),
        )

    def _newest(self, value: SecretStr | None) -> str | None:
        try:
            return self.store.state(self.name).version
        except SecretMissing:
            if value is None:
                raise
            return None

    def _kept_in_memory(self, newest: str | None, value: SecretStr | None) -> SecretStr | None:
        return self.store.read(self.name, newest) if newest and value else None

    def _write(self, serving: str | None, value: SecretStr | None) -> str:
        version = self.store.write(self.name, value or SecretStr(""))
        self.note(f"secret {self.name}: version {version} is stored; {serving or 'none'} serves")
        return version

    async def _roll_out(self, version: str, before: SecretStr | None) -> Result:
        try:
            return await self.deploy()
        except (SlipwayError, asyncio.CancelledError) as error:
            if is_over(error) and not is_in_use(self.records(), self.name, version):
                self._put_back(version, before)
            else:
                self.note(f"version {version} of {self.name} is stored; to finish: {self.resume}")
            raise

    def _put_back(self, version: str, before: SecretStr | None) -> None:
        if before is None:
            self.note(f"version {version} of {self.name} stays stored and does not serve")
            return
        try:
            again = self.store.write(self.name, before)
        except SlipwayError as error:
            self.note(f"the value of {self.name} from before could not be stored: {error.message}")
            return
        self.note(
            f"the old version of {self.name} serves; its value is the newest again, as {again}"
        )
        self._forget([version])

    def _forget(self, known: Iterable[str]) -> list[str]:
        """Drop what no release needs; a store that does not answer keeps it until next time."""
        forgotten = []
        try:
            newest = self.store.state(self.name).version
            for version in forgettable(self.records(), self.name, newest, known):
                self.store.forget(self.name, version)
                forgotten.append(version)
        except SlipwayError as error:
            self.note(f"older versions of {self.name} stay: {error.message}")
        return forgotten


def is_over(error: BaseException) -> bool:
    """Whether a rollout that ended so will not come about by trying again. Pure.

    What could not be restored, or was taken over by somebody else, is settled first.
    """
    return isinstance(error, Final) and not isinstance(error, RestoreFailed | Superseded)


def is_in_use(records: list[Record], name: str, version: str) -> bool:
    """Whether what serves, or what is under way, has that version. Pure."""
    claim = open_claim(records)
    wanted = parse_spec(claim.body["spec"]).secrets.get(name) if claim else None
    return version in (pins_of(records).serving.get(name), wanted)


def forgettable(
    records: list[Record], name: str, newest: str, known: Iterable[str] = ()
) -> list[str]:
    """Versions that may be dropped, in the order of their first use. Pure.

    What stays: the newest, what serves, what a rollback would go to, what is under way.

    Args:
        known: versions that no release had, as one whose rollout was never begun.
    """
    needed = {newest, *pins_of(records).kept.get(name, ())}
    used = [
        parse_spec(record.body["spec"]).secrets.get(name)
        for record in records
        if record.kind is Kind.CLAIM
    ]
    return [one for one in dict.fromkeys([*used, *known]) if one and one not in needed]


def refuse_undeclared(name: str, schema: Mapping[str, Secret]) -> None:
    """Raises BadInput where the app file has no such secret."""
    if name not in schema:
        raise BadInput(
            "the app file has no such runtime secret",
            found=ascii(name[:80]),
            allowed=", ".join(sorted(schema)) or "none; declare it in slipway.yaml first",
        )


def check_new_value(name: str, schema: Mapping[str, Secret], value: SecretStr) -> None:
    """Hold a value to the app file before it is written anywhere. The value is not shown.

    Raises:
        BadInput: the app file has no such secret, or the value has another format.
    """
    refuse_undeclared(name, schema)
    try:
        check_format(name, schema[name].format, value)
    except SecretMissing as error:
        raise BadInput(
            f"the new value of {name} has not the format {schema[name].format}",
            found=error.found,
            allowed=error.allowed,
            next_step="give another value; nothing was written",
        ) from None


def refuse_in_use(name: str, pins: Pins, target: Target) -> None:
    """Raises Refused where a release needs the secret: its value changes by a rotation alone."""
    if name in pins.names:
        raise Refused(
            f"a release of {target} needs {name}",
            found=f"version {pins.serving.get(name, 'of another release')} serves",
            allowed="a first value, of a name that no release needs yet",
            next_step=f"slipway secrets rotate {target.app} {target.environment} {name}",
        )


def serving_candidate(records: list[Record], target: Target) -> str:
    """Reference of the candidate that serves.

    Raises:
        Refused: none does, so there is nothing to roll a version out to.
    """
    if serving := serving_release(records):
        return serving.candidate
    raise Refused(
        f"nothing serves in {target}",
        found=f"{len(records)} records in its ledger",
        allowed="an environment that something was released to",
        next_step="slipway secrets set CANDIDATE ENVIRONMENT NAME, then: slipway deploy",
    )


def _is_same(before: SecretStr | None, value: SecretStr | None) -> bool:
    """Whether there is nothing new to write; values are compared in constant time."""
    if value is None or before is None:
        return value is None
    given, stored = (one.get_secret_value().encode() for one in (value, before))
    return hmac.compare_digest(given, stored)
