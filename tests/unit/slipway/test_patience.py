"""An act whose other side is away is taken again: a few times, within bounds, and stoppable."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from slipway import patience
from slipway.errors import CrashLoop, SlipwayError, Superseded, Unreachable
from slipway.patience import PAUSES, patiently

SHORT = (0.01, 0.02)


def failing(*errors: Exception) -> Callable[[], str]:
    left = list(errors)

    def act() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return act


def unheard(line: str) -> None: ...


def test_what_comes_back_in_time_is_done_and_each_try_is_told() -> None:
    """A8, H1."""
    told: list[str] = []
    act = failing(Unreachable("away"), Unreachable("still away"))
    assert patiently(act, told.append, lambda: None, SHORT) == "done"
    assert told == ["away; trying again in 0.01 s", "still away; trying again in 0.02 s"]


def test_tries_are_bounded_in_number() -> None:
    """F1."""
    act = failing(*(Unreachable(str(number)) for number in range(9)))
    with pytest.raises(Unreachable, match="2"):
        patiently(act, unheard, lambda: None, SHORT)


def test_tries_are_bounded_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """F1: one that takes long to fail is not taken five times."""
    monkeypatch.setattr(patience, "LONGEST_SECONDS", 0.0)
    act = failing(*(Unreachable(str(number)) for number in range(9)))
    with pytest.raises(Unreachable, match="1"):
        patiently(act, unheard, lambda: None, SHORT)


@pytest.mark.parametrize("error", [CrashLoop("exit 1"), Superseded("newer"), ValueError("bug")])
def test_other_errors_are_told_at_once(error: Exception) -> None:
    with pytest.raises(type(error)):
        patiently(failing(error), unheard, lambda: None, PAUSES)


def test_who_must_stop_stops_while_waiting() -> None:
    """B5: a rollback does not wait for the patience of the deploy that it replaces."""
    begun = time.monotonic()
    checks: list[Any] = []

    def check() -> None:
        checks.append(None)
        if len(checks) > 1:
            raise Superseded("a rollback took over")

    with pytest.raises(SlipwayError, match="took over"):
        patiently(failing(Unreachable("away")), unheard, check, (60.0,))
    assert time.monotonic() - begun < 30
