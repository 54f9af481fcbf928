"""The files of the Jenkins images: what they name is what the Jenkinsfile uses, and no secret."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.ci_tools import is_new_enough

ROOT = Path(__file__).parents[3]
JENKINS = ROOT / "docker" / "jenkins"
PIPELINES = [ROOT / "Jenkinsfile", JENKINS / "seed" / "runner.Jenkinsfile"]
STEPS: dict[str, list[str]] = yaml.safe_load((ROOT / "tests/cases/jenkins_steps.yaml").read_text())
WANTED = {
    "workflow-aggregator": "2.6",
    "git": "5.0",
    "github": "1.37",
    "credentials-binding": "1.27",
    "docker-workflow": "1.28",
    "junit": "1.55",
    "kubernetes-cli": "1.0",
    "aws-credentials": "1.0",
    "job-dsl": "1.0",
    "configuration-as-code": "1.0",
    "matrix-auth": "3.2",
    "cloudbees-folder": "6.0",
}
REFERENCE = re.compile(r"\$\{[A-Za-z0-9_:/-]+\}")


def casc() -> dict[str, Any]:
    return dict(yaml.safe_load((JENKINS / "casc" / "jenkins.yaml").read_text()))


def apps() -> dict[str, Any]:
    return dict(json.loads((JENKINS / "seed" / "apps.json").read_text()))


def plugins() -> dict[str, str]:
    lines = (JENKINS / "controller" / "plugins.txt").read_text().splitlines()
    named = (line for line in lines if line and not line.startswith("#"))
    return dict(line.split(":", 1) for line in named)


def bound() -> dict[str, str]:
    """What the configuration hands to the seed."""
    first, _ = casc()["jobs"]
    return dict(first["providedEnv"])


def test_every_plugin_is_there_at_one_version() -> None:
    """S1-07, S2-08: those required, at those versions or newer, none of them `latest`."""
    for name, least in WANTED.items():
        numbers = re.match(r"\d+(?:\.\d+)*", plugins()[name])
        assert numbers, name
        assert is_new_enough(f"{numbers[0]}.0", least), name


def test_plugins_are_sorted_and_named_once() -> None:
    lines = (JENKINS / "controller" / "plugins.txt").read_text().splitlines()
    names = [line.split(":")[0] for line in lines if not line.startswith("#")]
    assert names == sorted(set(names))


def words(pipeline: str) -> set[str]:
    """What a pipeline calls, without its own functions and what stands in texts and comments."""
    bare = re.sub(
        r"'''.*?'''|\"(?:\\.|[^\"\n])*\"|'(?:\\.|[^'\n])*'", "''", pipeline, flags=re.DOTALL
    )
    bare = re.sub(r"(?m)(?<!:)//.*$", "", bare)
    own = set(re.findall(r"(?m)^(?:\w+(?:<\w+>)?) (\w+)\(", bare))
    calls = re.findall(r"(?<![.\w])([a-z]\w*)(?=\s*[({]|\s+''|\s+\w+:\s)", bare)
    return set(calls) - own


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.name)
def test_every_step_has_its_plugin(path: Path) -> None:
    """S1-07: a step that nobody listed is one whose plugin nobody thought of."""
    by_step = {step: plugin for plugin, steps in STEPS.items() for step in steps}
    found = words(path.read_text())
    assert found - by_step.keys() == set()
    needed = {by_step[step] for step in found} - {"core", "groovy", "declarative"}
    assert needed <= plugins().keys()


def test_the_credentials_are_those_of_the_jenkinsfile() -> None:
    """S0-04, S0-16: the same ids of the same kinds, none missing and none idle."""
    text = (ROOT / "Jenkinsfile").read_text()
    used = set(re.findall(r"(\w+)\(\s*credentialsId: '([^']+)'", text))
    made = {(one["kind"], one["id"]) for one in apps()["credentials"].values()}
    assert made == used


def test_every_secret_is_a_reference() -> None:
    """S0-16: the configuration names where values come from, and holds none."""
    users = casc()["jenkins"]["securityRealm"]["local"]["users"]
    (system,) = casc()["credentials"]["system"]["domainCredentials"]
    secrets = [one["secret"] for kind in system["credentials"] for one in kind.values()]
    values = [*secrets, *(user["password"] for user in users), *list(bound().values())[1:]]
    assert [value for value in values if not REFERENCE.fullmatch(value)] == []


def test_the_seed_gets_every_value_that_it_names() -> None:
    named = {name for one in apps()["credentials"].values() for name in one["from"].values()}
    assert named == bound().keys() - {"SEED_FOLDER", "REPOSITORY_URL"}
    optional = {name for one in apps()["credentials"].values() if one.get("optional")
                for name in one["from"].values()}  # fmt: skip
    assert optional == {name for name, value in bound().items() if value.endswith(":-}")}


def test_folders_name_credentials_and_app_folders_that_exist() -> None:
    for folder in apps()["folders"]:
        assert set(folder["credentials"]) <= apps()["credentials"].keys()
        for job in folder["jobs"]:
            assert (ROOT / job.get("app_dir", ".")).is_dir()
            assert (ROOT / job.get("script", "Jenkinsfile")).is_file()
            for path in job.get("paths", []):
                fixed = path.replace("\\", "").removesuffix(".*")
                assert (ROOT / fixed).exists(), path


def test_no_credential_is_in_reach_of_every_job() -> None:
    """S0-17: what Jenkins itself needs has scope SYSTEM; what builds need belongs to folders."""
    (system,) = casc()["credentials"]["system"]["domainCredentials"]
    assert [one["scope"] for kind in system["credentials"] for one in kind.values()] == ["SYSTEM"]


def test_the_controller_builds_nothing_and_trusts_nobody() -> None:
    """S0-17: no executor, crumbs, no sign-up, anonymous nothing, one administrator."""
    jenkins = casc()["jenkins"]
    assert jenkins["numExecutors"] == 0
    assert jenkins["slaveAgentPort"] == -1
    assert "standard" in jenkins["crumbIssuer"]
    assert jenkins["securityRealm"]["local"]["allowsSignup"] is False
    entries = jenkins["authorizationStrategy"]["projectMatrix"]["entries"]
    granted = {
        (kind, who["name"]): who["permissions"] for entry in entries for kind, who in entry.items()
    }
    assert granted == {
        ("user", "${JENKINS_ADMIN_ID}"): ["Overall/Administer"],
        ("group", "authenticated"): ["Overall/Read", "View/Read"],
    }


def test_the_webhook_is_verified_by_jenkins_too() -> None:
    """S2-07: the hook's secret is set, so that nothing unsigned passes behind the door."""
    config = casc()["unclassified"]["gitHubPluginConfig"]
    assert config["hookSecretConfigs"] == [{"credentialsId": "github-webhook-secret"}]


def test_the_jenkinsfile_takes_the_folder_of_its_job() -> None:
    """S3-05, S0-09: the seed's parameters are those that the pipeline reads."""
    offered = set(re.findall(r"Param\('(\w+)'", (JENKINS / "seed" / "apps.groovy").read_text()))
    read = set(re.findall(r"params\.(SLIPWAY_\w+)", (ROOT / "Jenkinsfile").read_text()))
    assert offered == read == {"SLIPWAY_APP_DIR", "SLIPWAY_TO"}


def test_the_controllers_image_leaves_nothing_to_chance() -> None:
    """S1-07: plugins at their pinned versions; the base is an argument, to be given by digest."""
    text = (JENKINS / "controller" / "Dockerfile").read_text()
    assert "--latest=false" in text
    assert re.search(r"(?m)^ARG BASE=docker\.io/jenkins/jenkins:2\.\d+\.\d+-lts-jdk21$", text)


def test_the_agent_is_what_the_jenkinsfile_asks_for() -> None:
    """S1-06: its label, and every variable that the pipeline reads of its agent."""
    (node,) = (one["permanent"] for one in casc()["jenkins"]["nodes"])
    (properties,) = node["nodeProperties"]
    given = {one["key"]: one["value"] for one in properties["envVars"]["env"]}
    text = (ROOT / "Jenkinsfile").read_text()
    assert f"label '{node['labelString']}'" in text
    assert set(re.findall(r"env\.(SLIPWAY_\w+)", text)) <= given.keys()
    assert f"ENV SLIPWAY_HOME={given['SLIPWAY_HOME']} " in agent_dockerfile()


def agent_dockerfile() -> str:
    return (JENKINS / "agent" / "Dockerfile").read_text()


def test_the_agents_image_fetches_nothing_and_runs_as_nobody() -> None:
    """S1-06, S3-24: wheels by the locks' hashes, no index, no root, no engine socket."""
    text = agent_dockerfile()
    assert "PIP_NO_INDEX=1" in text
    assert text.count("--require-hashes") == 1
    assert text.rstrip().splitlines()[-4] == "USER 1000:1000"
    every = "".join(path.read_text() for path in JENKINS.rglob("*") if path.is_file())
    assert "docker.sock" not in every


def test_the_readme_names_every_value_that_is_asked_for() -> None:
    """S0-16: whoever starts a controller finds each variable, and what it is."""
    told = (JENKINS / "README.md").read_text()
    asked = set(re.findall(r"\$\{(\w+)", (JENKINS / "casc" / "jenkins.yaml").read_text()))
    asked = (asked - {"readFileBase64"}) | {"BUILD_SIGNING_KEY"}
    assert {name for name in asked if f"`{name}`" not in told} == set()
