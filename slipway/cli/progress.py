"""Live progress of steps on standard error: a spinner while one runs, a line when it ended."""

import asyncio
import time
from collections.abc import Callable
from typing import Self, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from slipway.explanations import printable

T = TypeVar("T")


class Progress:
    """The engine's door on the command line; also takes its notes.

    Use as a context manager. Where standard error is no terminal, only the lines are printed.
    """

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._status = Status("", console=console) if console.is_terminal and not quiet else None

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._status:
            self._status.stop()

    async def perform(self, name: str, act: Callable[[], T]) -> T:
        """Run the act in a thread; its error comes back unchanged."""
        self._show(name)
        started = time.monotonic()
        try:
            result = await asyncio.to_thread(act)
        except BaseException:
            self._line("[red]x[/red]", name, started)
            raise
        self._line("[green]ok[/green]", name, started)
        return result

    def note(self, line: str) -> None:
        """One line of progress within a step."""
        if self._status:
            self._show(line)
        elif not self._quiet:
            self._console.print(f"   {escape(printable(line))}", style="dim")

    def _show(self, text: str) -> None:
        if self._status:
            self._status.update(escape(printable(text)))

    def _line(self, mark: str, name: str, started: float) -> None:
        if not self._quiet:
            seconds = time.monotonic() - started
            self._console.print(f"{mark:>2} {escape(printable(name))} [dim]{seconds:.1f} s[/dim]")
