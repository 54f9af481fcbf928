"""The keeper's turns: the deployment once, then this process, ever more slowly."""

import pytest

from slipway.claim import Goal, OpenClaim
from slipway.keeping import GRACE_SECONDS, LONGEST_PAUSE, Turn, after, dead_holders, turn


def claim(opened: int = 7, token: int = 7) -> OpenClaim:
    return OpenClaim(token=token, opened=opened, goal=Goal.DEPLOY, body={})


def test_deployment_is_started_first() -> None:
    assert turn(None, claim(), 100.0) is Turn.START


def test_started_deployment_gets_its_grace() -> None:
    case = after(Turn.START, None, claim(), 100.0, started=True)
    assert turn(case, claim(), 100.0 + GRACE_SECONDS - 1) is Turn.WAIT
    assert turn(case, claim(), 100.0 + GRACE_SECONDS) is Turn.RECOVER


def test_without_a_server_this_process_recovers_and_slows_down() -> None:
    """No spam: pauses double up to the longest, whatever token recovery itself took."""
    case = after(Turn.START, None, claim(), 0.0, started=False)
    now, pauses = case.next_at, []
    for token in range(8, 18):
        case = after(Turn.RECOVER, case, claim(token=token), now)
        assert turn(case, claim(token=token), now) is Turn.WAIT
        pauses.append(case.next_at - now)
        now = case.next_at
    assert pauses[:4] == [15, 30, 60, 120]
    assert pauses[-1] == LONGEST_PAUSE


def test_another_claim_is_another_case() -> None:
    case = after(Turn.START, None, claim(), 0.0, started=True)
    assert turn(case, claim(opened=20, token=20), 1.0) is Turn.START


@pytest.mark.parametrize(
    ("holder", "is_dead"),
    [("here:1", False), ("here:2", True), ("there:2", False), ("there:3", True)],
)
def test_runs_of_dead_processes_are_told_from_the_rest(holder: str, is_dead: bool) -> None:
    """Another machine's process is judged by its lease alone."""
    dead = dead_holders({"run": holder}, "here", lambda pid: pid == 1, {"there:3"})
    assert bool(dead) is is_dead
