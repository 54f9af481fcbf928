"""What an operator sees of a release in the UI. Keys are per app and environment, so the history of
an artifact is the history of the environment.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from prefect.artifacts import (
    acreate_markdown_artifact,
    acreate_progress_artifact,
    aupdate_progress_artifact,
)

from slipway import markdown
from slipway.errors import SlipwayError, Superseded
from slipway.execution import Result
from slipway.explanations import explain
from slipway.history import analysed
from slipway.ledger import Kind, Record
from slipway.plan import Plan
from slipway.release import Target
from tasks.server import best_effort
from tasks.steps import perform

T = TypeVar("T")
RELEASES = "How each release ended"
FIRST_GUESS = 14
ALMOST = 95.0
DONE = 100.0


async def publish_plan(plan: Plan) -> None:
    """The plan, as a readable difference."""
    await _publish("plan", plan.spec.target, markdown.plan(plan), "What a release will change")


async def shown(
    target: Target,
    what: str,
    act: Awaitable[Result],
    records: Callable[[], Sequence[Record]] = tuple,
) -> Result:
    """Await the act and show how it ended, well or not; its error comes back unchanged.

    Args:
        records: the chain as it is then, for what an analysis found.
    """
    started = time.monotonic()
    try:
        result = await act
    except Superseded:
        raise  # whoever took over shows how it ended
    except SlipwayError as error:
        why = explain(error, what.partition(" ")[0], target)
        text = markdown.failure(target, what, why, time.monotonic() - started)
        await _publish("release", target, text, RELEASES)
        raise
    lines = analysed(records(), result.token) if result.token else []
    text = markdown.summary(result, time.monotonic() - started, lines)
    await _publish("release", target, text, RELEASES)
    return result


async def publish_drills(target: Target, records: Sequence[Record]) -> None:
    """The trend of the drills."""
    drills = [{**r.body, "time": r.time} for r in records if r.kind is Kind.DRILL]
    text = markdown.drill_trend(target, drills)
    await _publish("drill", target, text, "Measured times to restore")


async def _publish(kind: str, target: Target, text: str, about: str) -> None:
    async with best_effort(f"{kind} artifact"):
        key = markdown.artifact_key(kind, target)
        await acreate_markdown_artifact(key=key, markdown=text, description=about)


def expected_steps(records: Sequence[Record]) -> int:
    """How many steps a release probably has: as many as the last one that was closed. Pure."""
    count = 0
    for record in reversed(records):
        if record.kind is Kind.INTENT:
            count += 1
        elif record.kind is Kind.CLAIM and count:
            return count
    return FIRST_GUESS


@dataclass
class Progress:
    """The engine's door with a progress bar: each step a task, each step a tick."""

    target: Target
    expected: int
    done: int = 0
    _artifact: UUID | None = field(default=None, init=False)

    async def perform(self, name: str, act: Callable[[], T]) -> T:
        """Run a step as a task; the bar shows it."""
        await self.show(name)
        result = await perform(name, act)
        self.done += 1
        return result

    async def show(self, step: str, percent: float | None = None) -> None:
        """Move the bar."""
        value = (
            min(ALMOST, DONE * self.done / max(1, self.expected)) if percent is None else percent
        )
        text = markdown.text(f"{self.target}: {step}")
        async with best_effort("progress"):
            if self._artifact is None:
                key = markdown.artifact_key("progress", self.target)
                self._artifact = await acreate_progress_artifact(value, key, text)
            else:
                await aupdate_progress_artifact(self._artifact, value, text)

    async def end(self) -> None:
        """The bar is full, where there is one."""
        if self._artifact:
            await self.show("done", DONE)
