"""A Docker engine for the tests: `python -m tests.engine up|down FOLDER`.

The one that answers, else one that the local stack's code installs and starts. A process of its
own, since the SDK leaves a socket open when nothing answers, and warnings are errors in tests.
"""

import sys
from pathlib import Path

from slipway.cli.stack.engine import ensure_engine, find_engine, stop_engine
from slipway.cli.stack.processes import Processes
from slipway.errors import SlipwayError

DEADLINE = 90.0


def say(text: str) -> None:
    print(text, file=sys.stderr)


def up(processes: Processes) -> str | None:
    """Why there is no engine, or nothing."""
    try:
        ensure_engine(processes, DEADLINE, say).close()
    except SlipwayError as error:
        return str(error)
    return None


def down(processes: Processes) -> None:
    """Stop the engine if `up` started it."""
    stop_engine(processes, find_engine(), say)


def main(act: str, folder: Path) -> int:
    processes = Processes(folder / "processes", folder / "logs")
    if act == "down":
        down(processes)
        return 0
    reason = up(processes)
    if reason:
        print(reason)
    return int(bool(reason))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
