"""Proving that the approved digests serve, and go on serving under traffic."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from blocks.platforms import docker_names as names
from blocks.platforms import docker_proxy, docker_session
from blocks.platforms.docker_containers import running_digest
from blocks.platforms.docker_engine import engine_errors
from blocks.platforms.docker_events import label_texts, watching
from blocks.platforms.docker_exec import Answer, http_get
from blocks.platforms.docker_images import local_image
from blocks.platforms.docker_judge import BAKING_CRASHES, Patience
from blocks.platforms.docker_settle import (
    Place,
    evidence_of,
    front_addresses,
    inspect_set,
    refuse_bad,
)
from slipway.canonical import JsonObject
from slipway.errors import VerificationFailed
from slipway.platform import StepContext
from slipway.release import ReleaseSpec

MISSES = 3
EXTRA_SECONDS = 10


@dataclass(slots=True)
class Hits:
    """Answers through the probe listener: how many good ones in a row, how many bad ones."""

    wanted: int
    good: int = 0
    missed: int = 0
    total: int = 0

    def count(self, is_good: bool) -> None:
        self.total += 1
        self.good = self.good + 1 if is_good else 0
        self.missed = 0 if is_good else self.missed + 1

    @property
    def is_enough(self) -> bool:
        return self.good >= self.wanted

    @property
    def is_failing(self) -> bool:
        return self.missed >= MISSES


def prove_digests(
    place: Place, spec: ReleaseSpec, containers: Sequence[JsonObject]
) -> dict[str, str]:
    """Digest of each running container, all of them the approved ones.

    Raises:
        VerificationFailed: one runs another image than approved.
    """
    proved = {}
    for container in containers:
        service = container["Config"]["Labels"][names.SERVICE]
        image = local_image(place.api, container["Image"]) or {}
        found = running_digest(container, image)
        approved = next(s.digest for s in spec.services if s.name == service)
        name = container["Name"].lstrip("/")
        if found != approved:
            raise VerificationFailed(
                f"{name} runs another image than approved", found=found, allowed=approved
            )
        proved[name] = found
    return proved


def prove_routes(place: Place, spec: ReleaseSpec, containers: Sequence[JsonObject]) -> list[str]:
    """The addresses that serve, exactly those of the release.

    Raises:
        VerificationFailed: traffic goes elsewhere.
    """
    wanted = sorted(front_addresses(spec, containers).values())
    routes = docker_session.read_routes(place.api, names.proxy_name(spec.target))
    if sorted(routes.serving) != wanted:
        raise VerificationFailed(
            f"traffic of {spec.target} does not go to release {spec.id}",
            found=", ".join(routes.serving) or "nowhere",
            allowed=", ".join(wanted),
        )
    return wanted


def bake(place: Place, spec: ReleaseSpec, context: StepContext) -> JsonObject:
    """Verify digests and routes, then ask and watch until the bake window is over.

    Raises:
        VerificationFailed: a wrong digest, wrong routes, or bad answers.
        CrashLoop, OutOfMemory, ProbeFailed: a container failed during the window.
    """
    started = time.monotonic()
    window = spec.health.bake_millis / 1000
    pause = min(max(window / (spec.health.hits + 1), 0.05), 1.0)
    hits = Hits(spec.health.hits)
    with watching(place.host, label_texts(names.release_labels(spec)), context) as watch:
        containers = inspect_set(place, spec)
        patience = Patience(BAKING_CRASHES, {c["Id"]: int(c["RestartCount"]) for c in containers})
        digests = prove_digests(place, spec, containers)
        addresses = prove_routes(place, spec, containers)
        while True:
            refuse_bad(place, containers, watch, patience)
            answer = ask_probe(place, spec)
            hits.count(is_good(spec, answer))
            elapsed = time.monotonic() - started
            if elapsed >= window and hits.is_enough:
                break
            if hits.is_failing or elapsed > window + EXTRA_SECONDS:
                raise not_verified(place, spec, containers, answer, hits)
            if watch.wait(pause):
                containers = inspect_set(place, spec)
        containers = inspect_set(place, spec)
        refuse_bad(place, containers, watch, patience)
    prove_routes(place, spec, containers)
    return {"digests": digests, "addresses": addresses, "hits": hits.total}


def ask_probe(place: Place, spec: ReleaseSpec) -> Answer:
    """What serves, asked without fallback whether it lives and whether it can serve.

    An app that turned ready and broke under traffic often still says that it lives.
    """
    proxy = names.proxy_name(spec.target)
    answer = Answer(0, "nothing was asked")
    for path in dict.fromkeys((spec.health.path, spec.health.ready)):
        with engine_errors(f"probing {spec.target}"):
            answer = http_get(place.api, proxy, docker_proxy.PROBE, path)
        if not is_good(spec, answer):
            return Answer(answer.status, f"{answer.text} at {path}")
    return answer


def is_good(spec: ReleaseSpec, answer: Answer) -> bool:
    """Whether the status counts as healthy."""
    return answer.status in spec.health.expect


def not_verified(
    place: Place, spec: ReleaseSpec, containers: Sequence[JsonObject], answer: Answer, hits: Hits
) -> VerificationFailed:
    evidence = [line for c in containers for line in evidence_of(place, c)][-40:]
    return VerificationFailed(
        f"release {spec.id} does not answer well under traffic",
        found=f"{answer}; {hits.good} good in a row of {hits.total}",
        allowed=f"{hits.wanted} in a row with status {' or '.join(map(str, spec.health.expect))}",
        evidence=evidence,
    )
