"""Do the schema of the app file, the secret store and the ledger agree? Pure, and without values.

A finding names a secret and what is wrong with it; of a value only the format is ever known.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from slipway.appfile import Secret
from slipway.claim import open_claim
from slipway.errors import Refused, SecretMissing
from slipway.history import releases_to_keep, serving_release
from slipway.ledger import Record
from slipway.release import Frozen, Target, parse_spec
from slipway.secret import SecretState, SecretStore
from slipway.secret_formats import check_format
from slipway.secret_tiers import Tier, tier_of


class Fault(StrEnum):
    """What is wrong with a secret."""

    MISSING = "missing"
    FORMAT = "wrong format"
    EXPIRED = "over age"
    UNDATED = "age unknown"
    PENDING = "not rolled out"
    UNUSED = "unused"
    UNOWNED = "without owner"
    CROSSING = "of the build tier"


STOPS_A_RELEASE = frozenset({Fault.MISSING, Fault.FORMAT})

NEXT = {
    Fault.MISSING: "slipway secrets set APP-OR-CANDIDATE {environment} {name}",
    Fault.FORMAT: "slipway secrets rotate {target} {name}",
    Fault.EXPIRED: "slipway secrets rotate {target} {name}",
    Fault.UNDATED: "rotate it once, so that its age is known",
    Fault.PENDING: "slipway secrets rotate {target} {name}, with --resume or another value",
    Fault.UNUSED: "delete it from the store, or declare it in slipway.yaml",
    Fault.UNOWNED: "declare it in slipway.yaml, or let the release that needs it go",
    Fault.CROSSING: "revoke it, keep the new one in Jenkins: slipway secrets migrate plan",
}


@dataclass(frozen=True, slots=True)
class Held:
    """A secret as the store holds it. `is_well_formed` is None where no format was looked at."""

    state: SecretState
    is_well_formed: bool | None = None


class SecretRow(Frozen):
    """What is known of one name.

    Attributes:
        version: the newest in the store, None where it is missing.
        serving: the version that serves, None where none does.
        age_days: full days since the newest version was written, None where that is unknown.
    """

    name: str
    format: str | None = None
    owner: str | None = None
    version: str | None = None
    serving: str | None = None
    age_days: int | None = None
    maximum_age_days: int | None = None
    faults: tuple[Fault, ...] = ()


def judge_secrets(
    schema: Mapping[str, Secret],
    held: Iterable[Held],
    pins: "Pins",
    now: datetime,
) -> list[SecretRow]:
    """One row for each name of schema and store, in order of their names.

    Args:
        schema: secret name to what the app file says of it.
    """
    found = {one.state.name: one for one in held}
    return [
        _judge(name, schema.get(name), found.get(name), pins, now)
        for name in sorted({*schema, *found})
    ]


def _judge(
    name: str, wanted: Secret | None, held: Held | None, pins: "Pins", now: datetime
) -> SecretRow:
    row = SecretRow(
        name=name,
        format=wanted.format if wanted else None,
        owner=wanted.owner if wanted else None,
        version=held.state.version if held else None,
        serving=pins.serving.get(name),
        age_days=_age_days(held, now),
        maximum_age_days=wanted.maximum_age_days if wanted else None,
    )
    return row.model_copy(update={"faults": tuple(_faults(row, held, name in pins.names))})


def _faults(row: SecretRow, held: Held | None, is_pinned: bool) -> list[Fault]:
    if held is None:
        return [Fault.MISSING]
    is_declared = row.owner is not None
    age, limit = row.age_days, row.maximum_age_days
    found = {
        Fault.FORMAT: held.is_well_formed is False,
        Fault.EXPIRED: limit is not None and age is not None and age > limit,
        Fault.UNDATED: limit is not None and age is None,
        Fault.PENDING: is_declared and row.serving not in (None, row.version),
        Fault.UNUSED: not is_declared and not is_pinned,
        Fault.UNOWNED: not is_declared and is_pinned,
        Fault.CROSSING: tier_of(row.name) is Tier.BUILD,
    }
    return [fault for fault, is_so in found.items() if is_so]


def _age_days(held: Held | None, now: datetime) -> int | None:
    written = held.state.written if held else None
    return (now - written).days if written else None


class Pins(Frozen):
    """The versions that releases need.

    Attributes:
        serving: name to the version that serves.
        kept: name to every version that must stay readable: of what serves, of what a rollback
            would go to, and of what an open claim brings in or would go back to.
    """

    serving: dict[str, str] = Field(default_factory=dict)
    kept: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """Names that one of these releases needs."""
        return frozenset(self.kept)


def pins_of(records: list[Record]) -> Pins:
    """What the chain of a target pins. Pure."""
    serving = serving_release(records)
    specs = releases_to_keep(records, serving.spec) if serving else []
    if claim := open_claim(records):
        specs = [*specs, parse_spec(claim.body["spec"])]
    kept: dict[str, tuple[str, ...]] = {}
    for spec in specs:
        for name, version in spec.secrets.items():
            kept[name] = tuple(dict.fromkeys((*kept.get(name, ()), version)))
    return Pins(serving=dict(serving.spec.secrets) if serving else {}, kept=kept)


def hold_to_formats(store: SecretStore, schema: Mapping[str, Secret]) -> list[Held]:
    """Every name of the store; the values of those in the schema are read and held to its format.

    Raises:
        Unreachable, AccessDenied: the store does not answer, or not us.
    """
    return [_held(store, schema.get(name), name) for name in store.names()]


def _held(store: SecretStore, wanted: Secret | None, name: str) -> Held:
    state = store.state(name)
    if wanted is None:
        return Held(state)
    try:
        check_format(name, wanted.format, store.read(name, state.version))
    except SecretMissing:
        return Held(state, is_well_formed=False)
    return Held(state, is_well_formed=True)


def exit_code(rows: Iterable[SecretRow]) -> int:
    """0 without findings, else that of the worst class: a release would stop, a rule is broken."""
    faults = {fault for row in rows for fault in row.faults}
    if faults & STOPS_A_RELEASE:
        return SecretMissing.exit_code
    return Refused.exit_code if faults else 0


def next_steps(row: SecretRow, target: Target) -> list[str]:
    """One line for each fault of a row: what it is and what comes next. Pure."""
    words = {
        "target": f"{target.app} {target.environment}",
        "environment": target.environment,
        "name": row.name,
    }
    return [f"{row.name}: {fault}; next: {NEXT[fault].format(**words)}" for fault in row.faults]


class Difference(Frozen):
    """One name in two environments: its newest version in each, None where it is absent."""

    name: str
    format: str | None
    owner: str | None
    versions: tuple[str | None, str | None]


def difference_of_secrets(
    schema: Mapping[str, Secret], one: Iterable[SecretState], other: Iterable[SecretState]
) -> list[Difference]:
    """Names and versions side by side, in order of the names. Values are no part of it. Pure."""
    first, second = ({state.name: state.version for state in states} for states in (one, other))
    return [
        Difference(
            name=name,
            format=schema[name].format if name in schema else None,
            owner=schema[name].owner if name in schema else None,
            versions=(first.get(name), second.get(name)),
        )
        for name in sorted({*schema, *first, *second})
    ]
