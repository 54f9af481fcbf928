"""Ctrl-C and SIGTERM: the first stops at a safe point and restores, the second leaves at once."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

from slipway.errors import Interrupted
from slipway.execution import Perform
from slipway.interruption import Interruption

T = TypeVar("T")
R = TypeVar("R")
HOLDING = frozenset({"claim", "take over"})
SIGNALS = (signal.SIGINT, signal.SIGTERM)
TWICE = 130


class Interrupts:
    """Turns signals into an orderly stop.

    While a release runs, its next check raises Interrupted, which leads to the way back. Work that
    nothing checks, as waiting at a gate, is cancelled; it holds no claim.
    """

    def __init__(self, recover: str, leave: Callable[[int], object] = os._exit) -> None:
        self.interruption = Interruption()
        self.acting = False
        self._recover = recover
        self._leave = leave
        self._count = 0
        self._work: asyncio.Task[object] | None = None

    def guarded(self, perform: Perform) -> Perform:
        """The door that knows from which step on a claim is held."""

        async def act(name: str, act: Callable[[], R]) -> R:
            result = await perform(name, act)
            self.acting = self.acting or name in HOLDING
            return result

        return act

    async def run(self, work: Awaitable[T]) -> T:
        """Do the work with these signals.

        Raises:
            Interrupted: stopped before anything was changed.
        """
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(work)
        self._work = task
        for number in SIGNALS:
            loop.add_signal_handler(number, self.stop)
        try:
            return await task
        except asyncio.CancelledError:
            raise Interrupted(
                "interrupted before anything was changed", next_step="run the command again"
            ) from None
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        """What one signal does."""
        self._count += 1
        if self._count > 1:
            self._say(f"interrupted twice; the release is left as it is. Next: {self._recover}")
            self._leave(TWICE)
        elif self.acting:
            self._say(
                "interrupted: stopping at a safe point, then restoring (again: leave at once)"
            )
            self.interruption.request()
        elif self._work:
            self._work.cancel()

    def _say(self, line: str) -> None:
        sys.stderr.write(f"\n{line}\n")
        sys.stderr.flush()
