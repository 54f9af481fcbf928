"""The Jenkins controller's seed, run by the Groovy that Jenkins embeds, on a strict Job DSL."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.rig.jobdsl import GIVEN, SEED, Made, find, made, run_seed

pytestmark = pytest.mark.jenkins

CREDENTIALS = ("domainCredentials", "domainCredentials", "credentials")


@pytest.fixture(scope="module")
def all_made() -> list[Made]:
    return made(GIVEN)


def called(things: list[Made], name: str) -> list[Any]:
    """The whole of the thing with that name."""
    (one,) = [thing for thing in things if len(thing) > 1 and thing[1] == name]
    return list(one[-1])


def held(things: list[Made], folder: str) -> dict[str, Made]:
    """Credentials of a folder by id."""
    inner = called(things, folder)
    (listed,) = find(inner, "properties", "folderCredentialsProperty", *CREDENTIALS)
    return {find([one], one[0], "id")[0][1]: one for one in listed[-1]}


def test_the_seed_makes_the_jobs_of_the_examples(all_made: list[Made]) -> None:
    """S3-05: API, proxy and the runner of tests, each from one list; previews beside them."""
    assert [(thing[0], thing[1]) for thing in all_made if thing[0] != "folder"] == [
        ("pipelineJob", "release/build-flask-api"),
        ("pipelineJob", "release/build-nginx-proxy"),
        ("pipelineJob", "release/build-vouchers"),
        ("pipelineJob", "stage/promote-or-rollback"),
        ("pipelineJob", "prod/promote-or-rollback"),
        ("multibranchPipelineJob", "checks/previews"),
        ("pipelineJob", "checks/runner-job"),
    ]


def test_every_job_of_an_app_runs_the_one_jenkinsfile(all_made: list[Made]) -> None:
    """S3-05: no pipeline is written twice; the app's folder is a parameter of the job."""
    job = called(all_made, "release/build-flask-api")
    assert find(job, "definition", "cpsScm", "scriptPath") == [["scriptPath", "Jenkinsfile"]]
    (parameter,) = find(job, "parameters", "stringParam")
    assert parameter[1:3] == ["SLIPWAY_APP_DIR", "examples/flask-nginx"]
    assert find(job, "logRotator", "numToKeep") == [["numToKeep", 50]]
    remote = find(job, "definition", "cpsScm", "scm", "git", "remote")[0][-1]
    assert remote == [["url", GIVEN["REPOSITORY_URL"]], ["credentials", "git-credentials"]]


@pytest.mark.parametrize("environment", ["stage", "prod"])
def test_a_folder_of_an_environment_changes_no_other(
    all_made: list[Made], environment: str
) -> None:
    """S0-09, S0-17: its job offers one environment, and only its groups may start it."""
    job = called(all_made, f"{environment}/promote-or-rollback")
    (parameter,) = find(job, "parameters", "choiceParam")
    assert parameter[1:3] == ["SLIPWAY_TO", [environment]]


@pytest.mark.parametrize(
    ("job", "regions"),
    [
        ("release/build-nginx-proxy", "examples/flask-nginx/front/.*"),
        ("prod/promote-or-rollback", ""),
    ],
)
def test_a_push_starts_a_job_by_what_it_changed(
    all_made: list[Made], job: str, regions: str
) -> None:
    """S2-07, S3-05: the proxy by its files; what operators start, by nothing."""
    ((_, xml),) = find(called(all_made, job), "definition", "cpsScm", "scm", "git", "configure")
    flat = "".join(xml.split())
    assert f"<includedRegions>{regions}</includedRegions>" in flat
    assert f"<excludedRegions>{'' if regions else '.*'}</excludedRegions>" in flat
    triggers = find(called(all_made, job), "properties", "pipelineTriggers", "triggers")
    assert bool(triggers) is bool(regions)


def test_each_folder_holds_its_own_credentials(all_made: list[Made]) -> None:
    """S0-04, S0-17: the signing key and the registry's login are where images are built, alone."""
    deploys = {"prefect-api-url", "prefect-api-auth", "git-credentials", "build-mail-credentials"}
    builds = {"docker-registry-credentials", "build-signing-key"}
    assert set(held(all_made, "release")) == deploys | builds
    assert set(held(all_made, "stage")) == set(held(all_made, "prod")) == deploys
    assert set(held(all_made, "checks")) == {"git-credentials"}
    assert [one[0] for one in held(all_made, "release").values()].count("usernamePassword") == 3


def test_what_anybody_may_push_gets_nothing_that_writes(all_made: list[Made]) -> None:
    """S0-17: a pull request's own Jenkinsfile finds the token to read, and no other secret."""
    inner = json.dumps([called(all_made, "checks"), called(all_made, "checks/previews")])
    assert "canary-read" in inner
    others = {value for name, value in GIVEN.items() if "canary" in value}
    assert not [value for value in others - {"canary-read"} if value in inner]
    source = ("branchSources", "branchSource", "source", "github")
    (github,) = find(called(all_made, "checks/previews"), *source)
    assert ["repoOwner", "team"] in github[-1]
    assert ["repository", "shop"] in github[-1]
    (skipped,) = find([github], "github", "traits", "headWildcardFilter", "excludes")
    assert skipped == ["excludes", "main"]


def test_groups_may_build_and_not_change(all_made: list[Made]) -> None:
    """S0-17: least privilege; nobody but the administrator configures or sees credentials."""
    for folder in ("release", "stage", "prod", "checks"):
        groups = find(called(all_made, folder), "properties", "authorizationMatrix", "entries")
        for _, inner in find(groups[0][-1], "group"):
            assert inner[1] == ["permissions", ["Job/Build", "Job/Cancel", "Job/Read"]]


def test_a_public_repository_needs_no_git_credentials() -> None:
    """S0-04: optional ones that nobody gave are not made, and no job names them."""
    public = {name: value for name, value in GIVEN.items() if not name.startswith("GIT_")}
    things = made(public)
    assert set(held(things, "checks")) == set()
    assert "git-credentials" not in json.dumps(things)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"REGISTRY_PASSWORD": ""}, "docker-registry-credentials: REGISTRY_PASSWORD is not set"),
        ({"BUILD_SIGNING_KEY": ""}, "build-signing-key: BUILD_SIGNING_KEY is not set"),
        ({"PREFECT_API_AUTH": ""}, "give PREFECT_API_KEY or PREFECT_API_AUTH, one of them"),
        ({"PREFECT_API_KEY": "k"}, "give PREFECT_API_KEY or PREFECT_API_AUTH, one of them"),
    ],
)
def test_what_is_missing_stops_the_seed(change: dict[str, str], said: str) -> None:
    """S0-16: the variable is named, and no value."""
    done = run_seed({**GIVEN, **change})
    assert done.returncode != 0
    assert said in done.stderr
    assert "canary" not in done.stderr


def test_the_stand_in_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    """A method that Job DSL may not have does not pass by silence."""
    seed = tmp_path / "seed"
    shutil.copytree(SEED, seed)
    script = seed / "apps.groovy"
    script.write_text(script.read_text().replace("artifactNumToKeep", "artifactsNumberToKeep"))
    done = run_seed(GIVEN, seed)
    assert done.returncode != 0
    assert "unknown method artifactsNumberToKeep in script.pipelineJob.logRotator" in done.stderr
