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
        hear: Callable[[str], None] = lambda line: None,
        seconds: float = 600,
    ) -> Done:
        """Run one command to its end.

        Args:
            own: variables beside the harmless ones of our shell.
            look: called again and again while it runs.
            hear: gets each line that it prints, as it comes.

        Raises:
            StepFailed: another exit code than expected, or not ended in time.
        """
        self.teller.command(argv)
        started = time.monotonic()
        done = self._to_end(argv, own, seconds, look, hear)
        code = f"exit code {done.code}, " if done.code else ""
        self.teller.step(f"({code}{time.monotonic() - started:.1f} s)")
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
        seconds: float,
        look: Callable[[], None],
        hear: Callable[[str], None],
    ) -> Done:
        with tempfile.NamedTemporaryFile() as output:
            lines = Lines(Path(output.name), hear)
            process = subprocess.Popen(
                [*PROGRAMS[argv[0]], *argv[1:]],
                cwd=self.folder,
                env={**base_environment(os.environ), "COLUMNS": "140", **own},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                code = _wait(process, [look, lines.read], time.monotonic() + seconds)
            finally:
                process.kill()
                process.wait()
            lines.read()
            return Done(code, lines.text)


@dataclass
class Lines:
    """What a running command has printed so far; each whole line is heard once."""

    path: Path
    hear: Callable[[str], None]
    text: str = ""
    _heard: int = 0

    def read(self) -> None:
        """Hear what is new."""
        self.text = self.path.read_bytes().decode(errors="replace")
        whole = self.text[: self.text.rfind("\n") + 1]
        for line in whole[self._heard :].splitlines():
            self.hear(line)
        self._heard = len(whole)


def _wait(process: subprocess.Popen[bytes], looks: Sequence[Callable[[], None]], end: float) -> int:
    while (code := process.poll()) is None:
        if time.monotonic() > end:
            raise StepFailed("the command did not end in time", next_step="slipway status")
        for look in looks:
            look()
        time.sleep(LOOK_SECONDS)
    for look in looks:
        look()
    return code
