"""The journal: an intent is durable before a step acts, an observation after.

A step that died between the two is found by content when it runs again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from slipway.canonical import JsonObject
from slipway.claim import holder_of
from slipway.ledger import Kind, Ledger, Record
from slipway.patience import PAUSES, patiently
from slipway.platform import Stage, Step, StepContext

Observer = Callable[[str, str], None]


def no_observer(name: str, point: str) -> None:
    """Sees nothing."""


@dataclass(frozen=True, slots=True)
class Journal:
    """Writes for one holder. The observer sees each boundary by step name and point.

    Points: `intended` (intent durable, nothing done), `acted` (done, not recorded), `recorded`.
    `pauses` are those between the tries of a step that is unreachable.
    """

    ledger: Ledger
    token: int
    observer: Observer = no_observer
    pauses: Sequence[float] = PAUSES

    def run(self, step: Step, context: StepContext) -> JsonObject:
        """Run one step between its two records; again, a few times, while it is unreachable.

        Raises:
            Superseded: a newer holder exists; the step did not run, or ran and is not recorded.
            SlipwayError: whatever the step raised.
        """
        context.check()
        body = {"token": self.token, "step": step.name, "stage": str(step.stage)}
        self._append(Kind.INTENT, body)
        self.observer(step.name, "intended")
        observation = patiently(
            partial(step.run, context),
            lambda why: context.note(f"{step.name}: {why}"),
            context.check,
            self.pauses,
        )
        self.observer(step.name, "acted")
        self._append(Kind.OBSERVED, {**body, "observation": observation})
        self.observer(step.name, "recorded")
        return observation

    def record(self, kind: Kind, body: JsonObject) -> Record:
        """Append a record that is no step (verified, failed, closed)."""
        name = str(kind)
        self.observer(name, "intended")
        record = self._append(kind, {"token": self.token, **body})
        self.observer(name, "recorded")
        return record

    def _append(self, kind: Kind, body: dict[str, Any]) -> Record:
        return self.ledger.append(kind, body, unless=holder_of(self.token))


def fence_step(fence: Callable[[], JsonObject]) -> Step:
    """The step that shuts older holders out at the target."""
    return Step("older holders fenced off", Stage.CLAIM, lambda context: fence())
