"""A Docker engine for the tests: `python -m tests.engine up|down FOLDER`.

The one that answers, else one that the local stack's code installs and starts; with the base
images, so that no test's time goes into them. A process of its own, since the SDK leaves a socket
open when nothing answers, and warnings are errors in tests.
"""

import sys
from pathlib import Path

from slipway.cli.stack.engine import ensure_engine, find_engine, stop_engine
from slipway.cli.stack.images import FOLDERS, ImageStore
from slipway.cli.stack.processes import Processes
from slipway.cli.stack.settings import default_cache
from slipway.errors import SlipwayError
from tests.workers import PROCESSES

DEADLINE = 90.0


def say(text: str) -> None:
    print(text, file=sys.stderr)


def up(processes: Processes) -> str | None:
    """Why there is no engine, or nothing."""
    try:
        engine = ensure_engine(processes, DEADLINE, say)
    except SlipwayError as error:
        return str(error)
    make_images(ImageStore(engine, default_cache(), say))
    engine.close()
    return None


def make_images(store: ImageStore) -> None:
    """The base images; a test that needs one which cannot be made fails by itself."""
    try:
        for name in FOLDERS:
            store.ensure_image(name)
    except SlipwayError as error:
        say(str(error))


def down(processes: Processes) -> None:
    """Stop the engine if `up` started it."""
    stop_engine(processes, find_engine(), say)


def main(act: str, folder: Path) -> int:
    processes = Processes(folder / PROCESSES, folder / "logs")
    if act == "down":
        down(processes)
        return 0
    reason = up(processes)
    if reason:
        print(reason)
    return int(bool(reason))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
