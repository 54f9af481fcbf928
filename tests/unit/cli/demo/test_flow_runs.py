"""The demo waits for the run that its command started."""

from collections.abc import Iterator

import pytest

from slipway.cli.demo.flow_runs import COMPLETED, FAILED, follow, run_id
from slipway.cli.prefect_api import PrefectApi
from slipway.errors import DeadlineExceeded, StepFailed

RUN = "598e185b-3e92-401a-9d7d-0183223827a3"


class Answers(PrefectApi):
    """A server that gives these states one after the other, the last one for ever."""

    def __init__(self, *states: tuple[str, str]) -> None:
        self._states: Iterator[tuple[str, str]] = iter(states)
        self._last = states[-1]

    def state_of(self, run_id: str) -> tuple[str, str]:
        assert run_id == RUN
        return next(self._states, self._last)


def test_the_run_is_the_one_that_prefect_names() -> None:
    assert run_id(f"Created flow run 'rampant-coyote'.\n└── UUID: {RUN}\n") == RUN


def test_without_a_run_the_last_lines_say_why() -> None:
    with pytest.raises(StepFailed) as caught:
        run_id("Deployment 'release/release' not found!")
    assert caught.value.evidence == ("Deployment 'release/release' not found!",)


def test_a_run_is_followed_to_its_end() -> None:
    looks: list[int] = []
    told: list[str] = []
    api = Answers(("RUNNING", "Running"), ("COMPLETED", "Completed"))
    follow(api, RUN, lambda: looks.append(1), told.append, COMPLETED)
    assert len(looks) == 2
    assert told[0].startswith("(run completed, ")


def test_another_end_than_expected_is_refused() -> None:
    api = Answers(("CRASHED", "Crashed"))
    with pytest.raises(StepFailed) as caught:
        follow(api, RUN, lambda: None, lambda line: None, FAILED)
    assert (caught.value.found, caught.value.allowed) == ("Crashed", "Failed")


def test_waiting_for_a_run_has_an_end() -> None:
    api = Answers(("RUNNING", "Running"))
    with pytest.raises(DeadlineExceeded):
        follow(api, RUN, lambda: None, lambda line: None, COMPLETED, seconds=0)
