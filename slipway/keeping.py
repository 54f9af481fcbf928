"""When a claim counts as abandoned, and when the keeper acts on it. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from slipway.claim import OpenClaim

GRACE_SECONDS = 15.0
FIRST_PAUSE = 15.0
LONGEST_PAUSE = 600.0


class Turn(StrEnum):
    """What the keeper does with an abandoned claim now."""

    WAIT = "wait"
    START = "start the recover deployment"
    RECOVER = "recover here"


@dataclass(frozen=True, slots=True)
class Case:
    """What was done for one abandoned claim so far.

    Attributes:
        opened: number of the record that opened the claim.
        token: the claim's token when the keeper last acted.
        next_at: monotonic seconds before which nothing is done.
        tries: recoveries made here.
    """

    opened: int
    token: int
    next_at: float
    tries: int = 0


def turn(case: Case | None, claim: OpenClaim, now: float) -> Turn:
    """What comes next: the deployment first, then this process, ever more slowly.

    Args:
        now: monotonic seconds.
    """
    if case is None or case.opened != claim.opened:
        return Turn.START
    return Turn.WAIT if now < case.next_at else Turn.RECOVER


def after(
    turn: Turn, case: Case | None, claim: OpenClaim, now: float, *, started: bool = False
) -> Case:
    """The case once that turn was taken.

    Args:
        started: whether the deployment took the run; if not, this process is next at once.
    """
    if turn is Turn.START:
        return Case(claim.opened, claim.token, now + (GRACE_SECONDS if started else 0.0))
    tries = (case.tries if case else 0) + 1
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (tries - 1))
    return Case(claim.opened, claim.token, now + pause, tries)


def dead_holders(
    holders: dict[str, str], host: str, alive: Callable[[int], bool], expired: set[str]
) -> list[str]:
    """Runs whose process is gone.

    Args:
        holders: run id to `host:pid`.
        host: this machine; another machine's processes are judged by their leases alone.
        expired: holders whose lease ran out.
    """
    return [
        run
        for run, holder in holders.items()
        if holder in expired or (holder.startswith(f"{host}:") and not alive(_pid(holder)))
    ]


def _pid(holder: str) -> int:
    return int(holder.rpartition(":")[2])
