"""How the demo tells: chapters, short lines, the commands that it runs."""

import shlex
import time
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule

from slipway.explanations import printable

LONGEST = 140


class Teller:
    """Prints the story. Times are seconds since it began."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._started = time.monotonic()
        self._chapter = 0

    @property
    def seconds(self) -> float:
        """How long the story has been going on."""
        return time.monotonic() - self._started

    def chapter(self, title: str) -> None:
        """A new chapter."""
        self._chapter += 1
        heading = f"{self._chapter}. {title} [dim]({self.seconds:.0f} s)[/dim]"
        self.console.print()
        self.console.print(Rule(heading, align="left"))

    def say(self, line: str) -> None:
        """A line of the story, in the teller's own words."""
        self.console.print(escape(printable(line)))

    def step(self, line: str) -> None:
        """Something that happened elsewhere and was seen."""
        self.console.print(f"   [dim]{escape(printable(line))}[/dim]")

    def printed(self, line: str) -> None:
        """A line that a command printed; what is longer than a line of a screen is cut."""
        cut = line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."
        self.console.print(escape(printable(cut)))

    def proved(self, line: str) -> None:
        """Something that was checked and holds."""
        self.console.print(f"[green]ok[/green] {escape(printable(line))}")

    def command(self, argv: Sequence[str]) -> None:
        """The command as one would type it."""
        self.console.print(f"[bold]$ {escape(shlex.join(argv))}[/bold]")
