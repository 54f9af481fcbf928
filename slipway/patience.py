"""How often an act is taken again whose server, engine or store did not answer.

Only for acts that find their effect by content: what the first try did without our hearing of it is
not done twice.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type

from slipway.errors import Unreachable

T = TypeVar("T")

# Seconds before the second try, the third and so on; together as long as an engine takes to start.
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
LONGEST_SECONDS = 45.0
LOOK_SECONDS = 0.25


@dataclass(slots=True)
class Countdown:
    """A deadline that begins with the first try of an act, and is the same for each further one."""

    _until: float | None = None

    def until(self, seconds: float) -> float:
        """When it ends, on the monotonic clock."""
        if self._until is None:
            self._until = time.monotonic() + seconds
        return self._until


def patiently(
    act: Callable[[], T],
    told: Callable[[str], None],
    check: Callable[[], None] = lambda: None,
    pauses: Sequence[float] = PAUSES,
) -> T:
    """What the act returns, taken again where it is unreachable.

    Tries end once the pauses are used up, or `LONGEST_SECONDS` after the first failure.

    Args:
        told: one line of progress before each further try.
        check: raises once its holder must stop; called about four times a second while waiting.

    Raises:
        Unreachable: of the last try. What `check` raises, and any other error of the act, at once.
    """
    failed: list[float] = []

    def is_enough(state: RetryCallState) -> bool:
        failed.append(time.monotonic())
        return state.attempt_number > len(pauses) or failed[-1] - failed[0] > LONGEST_SECONDS

    def pause(state: RetryCallState) -> float:
        return [*pauses, 0.0][state.attempt_number - 1]

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        told(f"{error}; trying again in {pause(state):g} s")

    retrying = Retrying(
        stop=is_enough,
        wait=pause,
        retry=retry_if_exception_type(Unreachable),
        sleep=lambda seconds: wait_watchfully(seconds, check),
        before_sleep=tell,
        reraise=True,
    )
    return retrying(act)


def wait_watchfully(seconds: float, check: Callable[[], None]) -> None:
    """Wait, asking often whether to stop."""
    until = time.monotonic() + seconds
    check()
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, LOOK_SECONDS))
        check()
