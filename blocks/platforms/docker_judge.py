"""Whether a set of containers is healthy, on its way, or has failed and why. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from blocks.platforms import docker_names as names
from slipway.canonical import JsonObject
from slipway.errors import CrashLoop, OutOfMemory, ProbeFailed, StepFailed


class Verdict(StrEnum):
    HEALTHY = "healthy"
    WAITING = "waiting"
    CRASHED = "crashed"
    OUT_OF_MEMORY = "out of memory"
    UNHEALTHY = "unhealthy"
    GONE = "gone"


BAD = (Verdict.CRASHED, Verdict.OUT_OF_MEMORY, Verdict.UNHEALTHY, Verdict.GONE)
ERRORS: Mapping[Verdict, type[StepFailed]] = {
    Verdict.CRASHED: CrashLoop,
    Verdict.OUT_OF_MEMORY: OutOfMemory,
    Verdict.UNHEALTHY: ProbeFailed,
    Verdict.GONE: CrashLoop,
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How many crashes one container may have, on top of those counted before we looked."""

    crashes: int
    before: Mapping[str, int]


# A start may stumble once, as over a database that comes up later; a second crash is a loop.
STARTING_CRASHES = 1
BAKING_CRASHES = 0


def judge(inspected: JsonObject, oom: bool, patience: Patience) -> Verdict:
    """The state of one container.

    Args:
        oom: the engine reported that it ran out of memory while we watched.
    """
    state = inspected["State"]
    if oom or (state.get("OOMKilled") and not state["Running"]):
        return Verdict.OUT_OF_MEMORY
    if crashes_of(inspected, patience.before) > patience.crashes or has_ended(inspected):
        return Verdict.CRASHED
    if not state["Running"] or state.get("Restarting"):
        return Verdict.WAITING
    health = (state.get("Health") or {}).get("Status", "none")
    if health == "unhealthy":
        return Verdict.UNHEALTHY
    return Verdict.WAITING if health == "starting" or state.get("Paused") else Verdict.HEALTHY


def crashes_of(inspected: JsonObject, before: Mapping[str, int]) -> int:
    """Crashes since we looked first; the engine counts one restart for each."""
    return int(inspected["RestartCount"]) - before.get(inspected["Id"], 0)


def has_ended(inspected: JsonObject) -> bool:
    """Whether it exited and the engine will not start it again."""
    return inspected["State"]["Status"] in ("exited", "dead", "removing")


def failure(
    inspected: JsonObject, verdict: Verdict, evidence: Sequence[str], exit_code: str | None
) -> StepFailed:
    """The error that names container, cause and what was seen.

    Args:
        exit_code: of its last end, out of the event; a restarted container no longer shows it.
    """
    labels, state = inspected["Config"]["Labels"], inspected["State"]
    who = f"{labels[names.SERVICE]} ({inspected['Name'].lstrip('/')})"
    limit = f"{inspected['HostConfig']['Memory'] // 2**20} MiB"
    message = {
        Verdict.CRASHED: f"{who} crashed with exit code {exit_code or state['ExitCode']}",
        Verdict.OUT_OF_MEMORY: f"{who} ran out of its {limit} of memory",
        Verdict.UNHEALTHY: f"{who} became unhealthy: its own health check fails",
        Verdict.GONE: f"{who} was removed by somebody",
    }[verdict]
    found = f"{inspected['RestartCount']} restarts, state {state['Status']}"
    return ERRORS[verdict](message, found=found, evidence=evidence)
