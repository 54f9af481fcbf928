"""Waits for a flow run that a command has started.

`prefect deployment run --watch` tells the same, and stays three seconds longer for late log lines.
"""

import re
import time
from collections.abc import Callable

from slipway.cli.prefect_api import PrefectApi
from slipway.errors import DeadlineExceeded, StepFailed

COMPLETED, FAILED = "COMPLETED", "FAILED"
FINAL = frozenset({COMPLETED, FAILED, "CRASHED", "CANCELLED"})
LOOK_SECONDS = 0.3
RUN_ID = re.compile(r"UUID: ([0-9a-f-]{36})")


def run_id(output: str) -> str:
    """The id of the run that `prefect deployment run` says it has made. Pure.

    Raises:
        StepFailed: it names none.
    """
    found = RUN_ID.search(output)
    if not found:
        raise StepFailed("no flow run was started", evidence=output.splitlines()[-5:])
    return found[1]


def follow(
    api: PrefectApi,
    run: str,
    look: Callable[[], None],
    tell: Callable[[str], None],
    expect: str,
    seconds: float = 600,
) -> None:
    """Wait for a run's end.

    Args:
        look: called again and again meanwhile.
        expect: the type of the state that it has to end in.

    Raises:
        StepFailed: it ended in another state.
        DeadlineExceeded: it did not end in time.
    """
    started = time.monotonic()
    kind, name = api.state_of(run)
    while kind not in FINAL:
        if time.monotonic() > started + seconds:
            raise DeadlineExceeded(f"flow run {run} did not end in time", found=name)
        look()
        time.sleep(LOOK_SECONDS)
        kind, name = api.state_of(run)
    look()
    tell(f"(run {name.lower()}, {time.monotonic() - started:.1f} s)")
    if kind != expect:
        raise StepFailed(
            f"flow run {run} ended otherwise than expected",
            found=name,
            allowed=expect.capitalize(),
            next_step=f"prefect flow-run logs {run}; slipway status",
        )
