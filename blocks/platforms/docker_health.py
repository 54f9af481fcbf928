"""Running an image's own HEALTHCHECK ahead of the engine, whose first run comes an interval late.

The engine's later runs go on watching the container; ours only shorten the wait after a start.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import docker
from docker.errors import APIError

from blocks.platforms.docker_engine import engine_errors
from blocks.platforms.docker_exec import run_to_end
from slipway.canonical import JsonObject

SECONDS = 2


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Check:
    """One run: how it ended, and a line that tells it."""

    outcome: Outcome
    line: str = ""


def check_argv(test: Sequence[str] | None) -> list[str] | None:
    """The command of a HEALTHCHECK as the engine runs it; None where there is none. Pure."""
    match list(test or ()):
        case ["CMD", *argv] if argv:
            return argv
        case ["CMD-SHELL", command]:
            return ["/bin/sh", "-c", command]
        case _:
            return None


def is_starting(inspected: JsonObject) -> bool:
    """Whether it runs and the engine has not seen its check pass yet."""
    state = inspected["State"]
    health = (state.get("Health") or {}).get("Status")
    return bool(state["Running"]) and not state.get("Restarting") and health == "starting"


def run_check(api: docker.APIClient, inspected: JsonObject) -> Check:
    """Run the container's check once, as its user."""
    argv = check_argv((inspected["Config"].get("Healthcheck") or {}).get("Test"))
    if argv is None:
        return Check(Outcome.SLOW)
    with engine_errors(f"checking {inspected['Name'].lstrip('/')}"):
        try:
            code, output = run_to_end(api, inspected["Id"], argv, SECONDS)
        except APIError as error:
            # It ended meanwhile: the events tell why.
            return Check(Outcome.FAILED, f"health check could not run: {error.explanation}")
        except TimeoutError:
            return Check(Outcome.SLOW, f"health check took longer than {SECONDS} s")
    outcome = Outcome.PASSED if code == 0 else Outcome.FAILED
    return Check(outcome, f"health check exit {code}: {output[-200:]}")
