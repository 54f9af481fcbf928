"""Waiting until a started release is healthy and ready; failing on the cause, not on the clock."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat

import docker

from blocks.platforms import docker_names as names
from blocks.platforms.docker_engine import engine_errors, inspect_or_none
from blocks.platforms.docker_events import Watch, health_output, label_texts, last_logs, watching
from blocks.platforms.docker_exec import Answer, http_get
from blocks.platforms.docker_health import Outcome, is_starting, run_check
from blocks.platforms.docker_judge import (
    BAD,
    STARTING_CRASHES,
    Patience,
    Verdict,
    failure,
    judge,
)
from blocks.platforms.docker_networks import edge_address
from blocks.platforms.docker_start import in_start_order
from slipway.canonical import JsonObject
from slipway.errors import CrashLoop, DeadlineExceeded, ProbeFailed, StepFailed
from slipway.patience import Countdown
from slipway.platform import StepContext
from slipway.release import ReleaseSpec

RETRY_SECONDS = (0.1, 0.2, 0.4, 0.8)

Redact = Callable[[Sequence[str]], list[str]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a release is watched.

    Attributes:
        redact: takes the values of secrets out of log lines.
    """

    api: docker.APIClient
    host: str | None
    redact: Redact


@dataclass(slots=True)
class Checks:
    """What was seen: ids of containers that are well, ids of those whose own check takes long
    (the engine alone runs it then), how each check of ours ended last, by container id, and the
    last answer of each front replica, by container name.
    """

    passed: set[str] = field(default_factory=set)
    slow: set[str] = field(default_factory=set)
    runs: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)

    def lines(self, path: str) -> list[str]:
        return [f"{name} {path} answers {answer}" for name, answer in self.answers.items()]


def container_names(spec: ReleaseSpec) -> list[str]:
    return [names.container_name(spec, s.name, number) for s, number in in_start_order(spec)]


def inspect_set(place: Place, spec: ReleaseSpec) -> list[JsonObject]:
    """Inspect documents of every container of the release.

    Raises:
        CrashLoop: one is gone.
    """
    found = []
    with engine_errors(f"release {spec.id}"):
        for name in container_names(spec):
            inspected = inspect_or_none(place.api, name)
            if inspected is None:
                raise CrashLoop(f"container {name} is gone: somebody removed it")
            found.append(inspected)
    return found


def refuse_bad(
    place: Place, containers: Sequence[JsonObject], watch: Watch, patience: Patience
) -> list[Verdict]:
    """The verdict on each container, none of them bad.

    Raises:
        CrashLoop, OutOfMemory, ProbeFailed: one container failed; with its last log lines.
    """
    verdicts = [judge(c, c["Id"] in watch.oom, patience) for c in containers]
    for container, verdict in zip(containers, verdicts, strict=True):
        if verdict in BAD:
            exit_code = watch.exit_codes.get(container["Id"])
            raise failure(container, verdict, evidence_of(place, container), exit_code)
    return verdicts


def evidence_of(place: Place, container: JsonObject) -> list[str]:
    lines = [*last_logs(place.api, container["Id"]), *health_output(container)]
    return place.redact(lines)


def settle(
    place: Place, spec: ReleaseSpec, context: StepContext, settling: Countdown
) -> JsonObject:
    """Wait until all containers are healthy and every front replica answers that it is ready.

    Args:
        settling: the deadline, which goes on when the step is taken again.

    Raises:
        CrashLoop, OutOfMemory: a container failed twice, or ended.
        ProbeFailed: it was unhealthy, or not ready when the deadline ran out.
        DeadlineExceeded: it still started when the deadline ran out.
    """
    started = time.monotonic()
    deadline = settling.until(spec.health.deadline_seconds)
    with watching(place.host, label_texts(names.release_labels(spec)), context) as watch:
        containers = inspect_set(place, spec)
        before = {c["Id"]: int(c["RestartCount"]) for c in containers if c["State"]["Running"]}
        patience, checks = Patience(STARTING_CRASHES, before), Checks()
        pauses = chain(RETRY_SECONDS, repeat(RETRY_SECONDS[-1]))
        while True:
            verdicts = refuse_bad(place, containers, watch, patience)
            if all_well(place, containers, verdicts, checks) and all_ready(
                place, spec, containers, checks
            ):
                break
            left = deadline - time.monotonic()
            if left <= 0:
                raise out_of_time(place, spec, inspect_set(place, spec), checks)
            if watch.wait(min(left, next(pauses))):
                containers = inspect_set(place, spec)
    return {
        "healthy": [c["Name"].lstrip("/") for c in containers],
        "settled_millis": int((time.monotonic() - started) * 1000),
    }


def all_well(
    place: Place,
    containers: Sequence[JsonObject],
    verdicts: Sequence[Verdict],
    checks: Checks,
) -> bool:
    """Whether each container runs, and passed its own check if it has one."""
    for container, verdict in zip(containers, verdicts, strict=True):
        if verdict is Verdict.HEALTHY:
            checks.passed.add(container["Id"])
        elif container["Id"] not in checks.passed | checks.slow and is_starting(container):
            check = run_check(place.api, container)
            checks.runs[container["Id"]] = check.line
            if check.outcome is Outcome.PASSED:
                checks.passed.add(container["Id"])
            if check.outcome is Outcome.SLOW:
                checks.slow.add(container["Id"])
    return all(container["Id"] in checks.passed for container in containers)


def all_ready(
    place: Place, spec: ReleaseSpec, containers: Sequence[JsonObject], checks: Checks
) -> bool:
    """Ask each front replica that has not said so yet, from inside the proxy."""
    good = True
    for name, address in front_addresses(spec, containers).items():
        known = checks.answers.get(name)
        if known is None or known.status not in spec.health.expect:
            with engine_errors(f"asking {name}"):
                known = http_get(
                    place.api, names.proxy_name(spec.target), address, spec.health.ready
                )
            checks.answers[name] = known
        good = good and known.status in spec.health.expect
    return good


def front_addresses(spec: ReleaseSpec, containers: Sequence[JsonObject]) -> dict[str, str]:
    """ADDRESS:PORT of each replica of the front service, by container name."""
    edge, port = names.edge_name(spec.target), spec.front_service.port
    return {
        container["Name"].lstrip("/"): f"{edge_address(container, edge)}:{port}"
        for container in containers
        if container["Config"]["Labels"][names.SERVICE] == spec.front
    }


def out_of_time(
    place: Place, spec: ReleaseSpec, containers: Sequence[JsonObject], checks: Checks
) -> StepFailed:
    """The error for the one deadline; says what was still missing."""
    seconds = spec.health.deadline_seconds
    evidence = [line for c in containers for line in evidence_of(place, c)][-40:]
    if checks.answers:
        return ProbeFailed(
            f"release {spec.id} was not ready within {seconds} s (environments.*.health.deadline)",
            found="; ".join(checks.lines(spec.health.ready)),
            allowed=f"status {' or '.join(map(str, spec.health.expect))}",
            evidence=evidence,
        )
    waiting = [c["Name"].lstrip("/") for c in containers if c["Id"] not in checks.passed]
    probed = [line for c in containers for line in health_output(c)]
    ran = [line for c in containers if (line := checks.runs.get(c["Id"]))]
    kind = ProbeFailed if probed or ran else DeadlineExceeded
    return kind(
        f"release {spec.id} was not healthy within {seconds} s (environments.*.health.deadline)",
        found=f"still starting: {', '.join(waiting)}",
        evidence=[*evidence, *place.redact(ran)],
    )
