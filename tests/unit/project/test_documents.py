"""Documents that say what is in the code are held to it."""

import re
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from slipway.lint.groovy import without_comments

ROOT = Path(__file__).parents[3]
JENKINSFILE = without_comments((ROOT / "Jenkinsfile").read_text())
JENKINS = (ROOT / "docs" / "jenkins.md").read_text()
SECRETS = (ROOT / "docs" / "secrets.md").read_text()
_EDGE = re.compile(r"(?m)^  (\w+) (?:-- \"([^\"]*)\" )?--> (\w+)$")


def section(text: str, title: str) -> str:
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_column(text: str) -> list[str]:
    """Of a Markdown table, without its head."""
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]
    return [cell.strip("`") for cell in rows[2:]]


def drawn() -> dict[str, dict[str, str]]:
    """Edges of the diagram of the two tiers: from, to, and what goes along."""
    edges: dict[str, dict[str, str]] = defaultdict(dict)
    for one, what, other in _EDGE.findall(SECRETS.partition("```mermaid")[2].partition("```")[0]):
        edges[one][other] = what
    return edges


def test_the_diagram_of_the_tiers_leads_from_git_to_the_target() -> None:
    """S0-02: git, Jenkins, then the registry and Prefect, and from both to what runs."""
    edges = drawn()
    assert set(edges["git"]) == {"creds"}
    assert set(edges["creds"]) == {"registry", "refs"}
    assert "file" in edges["registry"]
    assert "file" in edges["worker"]


def test_in_the_diagram_no_value_goes_back_or_across() -> None:
    """S0-02, S0-09: a value leaves its store for the worker, and the worker for the target."""
    carries = {
        (one, other) for one, to in drawn().items() for other, w in to.items() if "value" in w
    }
    assert carries == {("store", "worker"), ("worker", "file")}


def test_the_stages_told_are_those_of_the_jenkinsfile() -> None:
    """S2-38: in their order."""
    assert first_column(section(JENKINS, "Stages")) == re.findall(r"stage\('(\w+)'\)", JENKINSFILE)


def test_the_credentials_told_are_those_of_the_jenkinsfile() -> None:
    """S0-04, S2-38: each once, and no other."""
    told = first_column(section(JENKINS, "Credentials"))
    assert sorted(told) == sorted(re.findall(r"credentialsId: '([^']+)'", JENKINSFILE))


@pytest.mark.parametrize(
    "word", ["A digest, never a tag", "modes of their own", "made by its first release", "finally"]
)
def test_what_learners_ask_is_answered(word: str) -> None:
    """S2-38: why a digest, promotion, what is made when, post and finally."""
    assert word in section(JENKINS, "Where the usual stages are")


def test_the_conditions_told_are_those_of_the_jenkinsfile() -> None:
    """S2-38."""
    post = JENKINSFILE.partition("post {")[2].partition("\n    }\n")[0]
    told = section(JENKINS, "Where the usual stages are").partition("**`post`")[2]
    conditions = re.findall(r"(?m)^        (\w+) \{", post)
    assert conditions[-1] == "cleanup"
    assert [one for one in conditions if f"`{one}`" not in told] == []


def test_every_part_of_the_pipeline_is_there() -> None:
    """S2-05: GitHub, Docker, Trivy, kubectl; the console tells, and e-mail where it is wanted."""
    assert "githubPush()" in JENKINSFILE
    tools = yaml.safe_load((ROOT / "slipway/cli/agent_tools.yaml").read_text())
    assert {"docker", "git", "trivy", "kubectl"} <= {tool["name"] for tool in tools}
    told = set(re.findall(r"slipway ci (\w+)", JENKINSFILE))
    assert told == {"summary", "failure", "status", "mail", "clean"}
