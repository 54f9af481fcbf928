"""No secret crosses between Jenkins and what runs: the whole path, with a canary for each.

The real Jenkinsfile in the executor, the real stack behind it, everything logging at DEBUG: a build
that is released through a signed gate, one whose tests are red, one whose `integrate` is killed,
one whose release is killed and settled. Then a search on both sides, and a leak out of each tier
that the search has to find.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest

from slipway.cli.stack import down, stack, up
from tests.fakes.github import FakeGithub, serving
from tests.integration.test_canaries import remove_images
from tests.rig import places
from tests.rig.canaries import Hit, Sweep
from tests.rig.canary_jenkins import JenkinsWorld, Spy, TalkedToPrefect
from tests.rig.docker_rig import remove_target
from tests.rig.jenkins.controller import Built
from tests.rig.places import Watch

pytestmark = [
    *(pytest.mark.engine, pytest.mark.prefect, pytest.mark.jenkins),
    pytest.mark.timeout(900),
]

# Who may have a credential in its environment: a step's script, and the commands it starts.
HOLDERS = ("@tmp/durable-", "flows.integrate", "bin/prefect", "bin/slipway")
TOOLS = {"file", "git", "rm", "sed", "uname"}  # what those ask on their way, as Python's `platform`
LEAKING = r"""
pipeline {
    agent { label 'slipway' }
    stages { stage('Leak') { steps {
        withCredentials([string(credentialsId: 'prefect-api-auth', variable: 'AUTH')]) {
            sh '#!/bin/sh\nprintf "me:%s" "$AUTH" | base64 --wrap 0'
            sh '#!/bin/sh\nmkdir slipway-out; printf %s "$DATABASE_URL" | gzip > slipway-out/a.gz'
        }
        archiveArtifacts artifacts: 'slipway-out/*'
    } } }
}
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JenkinsWorld]:
    """A stack of our own and a Jenkins beside it, in which every secret is a canary."""
    folder = tmp_path_factory.mktemp("jenkins")
    with (
        closing(docker.from_env()) as engine,
        serving(FakeGithub()) as github,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(stack, "Prefect", TalkedToPrefect)
        made = JenkinsWorld(folder, engine, github=github.url)
        (folder / "out").mkdir()
        made.plant_before()
        github.token = made.token.text
        try:
            up(made.settings)
            made.plant_after()
            yield made
        finally:
            down(made.settings)
            for environment in ("dev", "prod"):
                remove_target(engine, made.target(environment))
            remove_images(engine, made)


@pytest.fixture(scope="module")
def builds(world: JenkinsWorld) -> dict[str, Built]:
    """What was done to each build, and how it ended."""
    with Watch(world.engine) as watch, Spy(world):
        world.commit("one")
        found = {"released": world.build_and_release()}
        world.commit("red", tests=1)
        found["red"] = world.build_app()
        world.commit("two")
        found["integrate killed"] = world.build_and_kill_integrate()
        found["release killed"] = world.build_and_kill_release()
        world.plant_last()
    assert watch.rounds > 100
    world.watched = watch.seen()
    return found


def told(hits: Iterable[Hit]) -> list[str]:
    return sorted({str(hit) for hit in hits})


def test_the_story_happened(world: JenkinsWorld, builds: dict[str, Built]) -> None:
    """G8, G11: both tiers used their secrets, in success, failure and crash, and all at DEBUG."""
    ends = {name: (build.result, build.ran[-1]) for name, build in builds.items()}
    assert ends == {
        "released": ("SUCCESS", "Release"),
        "red": ("FAILURE", "Integrate"),
        "integrate killed": ("FAILURE", "Integrate"),
        "release killed": ("FAILURE", "Release"),
    }, [build.console[-2000:] for build in builds.values() if build.code]
    assert "| DEBUG" in builds["released"].console
    outcomes = [r.body["outcome"] for r in world.ledger("prod").records() if "outcome" in r.body]
    assert outcomes == ["released"]


def test_credentials_of_jenkins_stay_there(world: JenkinsWorld, builds: dict[str, Built]) -> None:
    """G8, G11, N21: in no API, database, ledger, log, image, blob, argument or target."""
    sweep = Sweep(world.build_canaries)
    seen = [place for place in world.watched if not place[0].startswith("environ")]
    targets = places.containers(world.engine, world.name)
    assert told([*sweep.hits(world.places()), *sweep.hits(seen), *sweep.hits(targets)]) == []


def test_only_steps_have_credentials(world: JenkinsWorld, builds: dict[str, Built]) -> None:
    """N21, G8: no test command, builder, scanner, worker or app has one in its environment."""
    seen = [place for place in world.watched if place[0].startswith("environ")]
    held = told(Sweep(world.build_canaries).hits(seen))
    assert held
    assert [place for place in held if not may_hold(place)] == []


def may_hold(place: str) -> bool:
    """By the arguments of the process, which are part of the place's name."""
    program = re.match(r"environ: \d+ b['\"](?:[^\\]*/)?([\w.-]+)", place)
    return any(word in place for word in HOLDERS) or bool(program and program[1] in TOOLS)


def test_runtime_secrets_never_reach_jenkins(world: JenkinsWorld, builds: dict[str, Built]) -> None:
    """G8, G11: in no workspace at any moment, console, artifact, home or environment."""
    sweep = Sweep(world.runtime_canaries)
    assert told([*sweep.hits(world.jenkins_places()), *sweep.hits(world.watched)]) == []


def test_builds_show_no_credential(world: JenkinsWorld, builds: dict[str, Built]) -> None:
    """G8: in no form, before masking; Jenkins' own file of a step is the one place of the key."""
    hits = Sweep(world.build_canaries).hits(world.jenkins_places())
    assert told(hit for hit in hits if "@tmp/secretFiles-" not in hit.place) == []


def test_the_search_is_able_to_fail(
    world: JenkinsWorld, builds: dict[str, Built], tmp_path: Path
) -> None:
    """G8, G11: a credential in base64 in the console, a runtime secret in a packed artifact."""
    leaking = tmp_path / "Jenkinsfile"
    leaking.write_text(LEAKING)
    url = next(c for c in world.runtime_canaries if c.name == "runtime database-url of prod")
    build = world.build_app(leaking, {"DATABASE_URL": url.text})
    assert build.result == "SUCCESS", build.console
    home = build.archive.parent.parent.name
    own = [place for place in world.jenkins_places() if place[0].split()[1].strip(":") == home]
    found = {
        (hit.place.partition(":")[0], hit.canary)
        for hit in Sweep((world.authorization, url)).hits(own)
    }
    assert found == {("console", world.authorization.name), ("artifact", url.name)}
