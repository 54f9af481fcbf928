"""Runs what a user would type, in the environment that the stack wrote."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slipway.cli.demo.telling import Teller
from slipway.cli.stack.prefect import base_environment
from slipway.cli.stack.settings import PROJECT
from slipway.errors import StepFailed
from slipway.explanations import printable

TAIL = 25
LOOK_SECONDS = 0.3

# What a user types, and what stands for it inside the project's own environment.
PROGRAMS = {
    "slipway": [sys.executable, "-m", "slipway.cli"],
    "prefect": [sys.executable, "-m", "prefect"],
    "python": [sys.executable],
}


@dataclass(frozen=True)
class Done:
    """How a command ended: exit code and what it printed."""

    code: int
    output: str

    @property
    def tail(self) -> list[str]:
        """The last lines."""
        return [printable(line) for line in self.output.splitlines()[-TAIL:]]


@dataclass(frozen=True)
class Runner:
    """Runs commands from the project's folder; credentials come from files that `own` names."""

    teller: Teller
    folder: Path = PROJECT

    def run(
        self,
        argv: Sequence[str],
        own: Mapping[str, str],
        *,
        expect: Sequence[int] = (0,),
        look: Callable[[], None] = lambda: None,
        show: bool = False,
        seconds: float = 600,
    ) -> Done:
        """Run one command to its end.

        Args:
            own: variables beside the harmless ones of our shell.
            look: called again and again while it runs.
            show: let the reader see what it prints.

        Raises:
            StepFailed: another exit code than expected, or not ended in time.
        """
        self.teller.command(argv)
        started = time.monotonic()
        done = self._to_end(argv, own, look, seconds)
        if show:
            self.teller.console.print(done.output.rstrip("\n"), markup=False, highlight=False)
        self.teller.step(f"exit code {done.code}, {time.monotonic() - started:.1f} s")
        if done.code not in expect:
            raise StepFailed(
                f"`{' '.join(argv[:3])} ...` ended with exit code {done.code}",
                allowed=", ".join(map(str, expect)),
                evidence=done.tail,
                next_step="slipway doctor; slipway status",
            )
        return done

    def _to_end(
        self,
        argv: Sequence[str],
        own: Mapping[str, str],
        look: Callable[[], None],
        seconds: float,
    ) -> Done:
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                [*PROGRAMS[argv[0]], *argv[1:]],
                cwd=self.folder,
                env={**base_environment(os.environ), "COLUMNS": "140", **own},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                code = _wait(process, look, time.monotonic() + seconds)
            finally:
                process.kill()
                process.wait()
            output.seek(0)
            return Done(code, output.read().decode(errors="replace"))


def _wait(process: subprocess.Popen[bytes], look: Callable[[], None], end: float) -> int:
    while (code := process.poll()) is None:
        if time.monotonic() > end:
            raise StepFailed("the command did not end in time", next_step="slipway status")
        look()
        time.sleep(LOOK_SECONDS)
    look()
    return code
