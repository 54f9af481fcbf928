"""The engine's door for flows: steps are tasks, notes are logged, a bar shows how far it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from blocks.compose import Door, Installation
from slipway.release import Target
from tasks.artifacts import Progress, expected_steps
from tasks.notes import note


@asynccontextmanager
async def open_door(installation: Installation, target: Target) -> AsyncIterator[Door]:
    """A door to the target; its progress bar is full once the block ends well."""
    progress = Progress(target, expected_steps(installation.ledger(target).records()))
    yield Door(perform=progress.perform, note=note)
    await progress.end()
