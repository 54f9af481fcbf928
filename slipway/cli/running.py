"""Runs the engine for a command: live progress, signals, the result as text or JSON."""

import asyncio
from collections.abc import Awaitable, Callable

from rich.markup import escape

from blocks.compose import Door
from slipway.cli.interrupts import Interrupts
from slipway.cli.progress import Progress
from slipway.execution import Result
from slipway.history import Outcome
from slipway.names import short_digest
from slipway.release import Target
from slipway.terminal import emit_json, err, out

GOOD = {
    Outcome.RELEASED: "released and verified",
    Outcome.UNCHANGED: "unchanged: it serves already",
    Outcome.ROLLED_BACK: "rolled back and verified",
    Outcome.RESTORED: "restored and verified",
    Outcome.REMOVED: "removed: the first release never served",
    Outcome.DRILLED: "drilled: went back and returned",
    Outcome.REFUSED: "refused before anything was changed",
    Outcome.FAILED: "not restored",
}


def recover_command(target: Target | None) -> str:
    """The command that settles what an interrupted one left."""
    return f"slipway recover {target.app} {target.environment}" if target else "slipway recover"


def run_engine(
    target: Target | None, act: Callable[[Door], Awaitable[Result | None]], *, quiet: bool
) -> Result | None:
    """Run the act with a door of the command line."""
    interrupts = Interrupts(recover_command(target))
    with Progress(err(), quiet=quiet) as progress:
        door = Door(
            perform=interrupts.guarded(progress.perform),
            note=progress.note,
            interruption=interrupts.interruption,
        )
        return asyncio.run(interrupts.run(act(door)))


def print_result(result: Result, seconds: float, *, as_json: bool) -> None:
    """How it ended, on standard output."""
    if as_json:
        emit_json({**result.model_dump(mode="json"), "seconds": round(seconds, 3)})
        return
    short = short_digest(result.candidate.rpartition("@")[2])
    line = f"{result.target} {short} {GOOD[result.outcome]}"
    out().print(f"{escape(line)} [dim]({seconds:.1f} s)[/dim]")
