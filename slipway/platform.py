"""The protocol between the engine and a place where releases run.

A platform observes, renders and lists steps. Steps are idempotent and find their effect by content:
run twice, or by another process after a death, they act once. The engine journals each one, so a
platform never writes to the ledger.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from pydantic import SecretStr

from slipway.canonical import JsonObject
from slipway.release import ReleaseSpec, Target
from slipway.secret import SecretReader


class Stage(StrEnum):
    """The part of a deploy that a step belongs to; explanations name it.

    Steps of the stage `analyse` are for the way forward alone: a release that is gone back to was
    judged when it came, and its way back may not depend on who measures.
    """

    PLAN = "plan"
    ADMIT = "admit"
    CLAIM = "claim"
    WAY_BACK = "prove the way back"
    APPLY = "apply"
    SETTLE = "settle"
    SWITCH = "switch"
    VERIFY = "verify"
    ANALYSE = "analyse"
    COMMIT = "commit"
    RETIRE = "retire"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True)
class Observation:
    """What the target says runs there now.

    Attributes:
        fields: dotted field name to value as text, as in `web.image`; empty where nothing runs.
        revision: opaque text that differs whenever the target was changed by anybody.
        serving: the spec id that receives traffic, or None.
    """

    fields: Mapping[str, str]
    revision: str
    serving: str | None = None


@dataclass(frozen=True, slots=True)
class StepContext:
    """What a running step may use.

    Attributes:
        check: raises Superseded or Interrupted once this holder must stop; long steps call it often
            (at least each second).
        note: tells the operator one line of progress; never a secret.
        token: the claim's record number, the fencing token.
        secrets: reads a runtime secret's value; steps read by `values`.
        candidate: reference of the candidate that the release comes from, for people's eyes.
        accessing: told the candidate, and name to version, before values are read.
    """

    check: Callable[[], None]
    note: Callable[[str], None]
    token: int
    secrets: SecretReader
    candidate: str = ""
    accessing: Callable[[str, Mapping[str, str]], None] = lambda candidate, versions: None

    def values(self, versions: Mapping[str, str]) -> dict[str, SecretStr]:
        """The values of these secrets, read at last use; the access is on record before.

        Args:
            versions: name to version.

        Raises:
            SecretMissing, Unreachable: the source does not give a value.
            Superseded: a newer holder took over; nothing was read.
        """
        self.accessing(self.candidate, versions)
        return {name: self.secrets(name, version) for name, version in versions.items()}


@dataclass(frozen=True, slots=True)
class Step:
    """One external effect, named by what it leaves true, as in `traffic switched`.

    `run` returns what was observed after the act, as JSON without floats; it raises errors of
    `slipway.errors`.
    """

    name: str
    stage: Stage
    run: Callable[[StepContext], JsonObject]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A piece of what was seen before it is cleaned away: log tail, inspect, events."""

    name: str
    lines: Sequence[str] = field(default_factory=tuple)


class Platform(Protocol):
    """A place where releases run. Every method may raise Unreachable."""

    def render(self, spec: ReleaseSpec) -> dict[str, str]:
        """The fields that `observe` would report if the spec ran. Pure."""

    def observe(self, target: Target) -> Observation:
        """What runs now, read from the target, never from memory."""

    def prove(self, spec: ReleaseSpec) -> list[str]:
        """Prove that the spec could be deployed now; the facts proved, one a line.

        Raises:
            WayBackMissing: an image, secret version or resource of the spec is gone.
        """

    def fence(self, target: Target, token: int) -> JsonObject:
        """Make the target refuse every writer that fenced before this call; idempotent."""

    def forward(self, spec: ReleaseSpec, previous: ReleaseSpec | None) -> Sequence[Step]:
        """Steps from whatever runs to the spec serving and verified, in order."""

    def retire(self, target: Target, keep: Sequence[ReleaseSpec]) -> Sequence[Step]:
        """Steps that remove what belongs to no kept spec; an empty `keep` removes everything."""

    def evidence(self, spec: ReleaseSpec) -> list[Evidence]:
        """What tells why the spec failed. Never raises; holds no secret."""


@runtime_checkable
class HasNamespaces(Protocol):
    """A platform whose targets live in namespaces that only a specification names."""

    def within(self, namespace: str) -> Platform:
        """The platform for the target in that namespace."""


@runtime_checkable
class KnowsManagers(Protocol):
    """A platform that records who wrote each field."""

    def managers(self, target: Target, fields: Sequence[str]) -> Mapping[str, str]:
        """Who else than Slipway wrote these fields, by field; those of nobody else are left out.

        Args:
            fields: names as `observe` gives them, or `serving`.
        """
