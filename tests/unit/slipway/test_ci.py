"""What a build says of itself, and the requests that tell GitHub, as values."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.ci import (
    Build,
    build_of,
    changed_environment,
    failure_box,
    parse_digests,
    summary_box,
)
from slipway.ci_failure import Failure, failure_of, failure_of_run, parse_failure
from slipway.ci_status import (
    Repository,
    StatusContext,
    StatusState,
    api_of,
    is_passing,
    parse_repository,
    seconds_to_wait,
    status_request,
)
from slipway.errors import BadInput, ProbeFailed
from slipway.explanations import explain

CASES = yaml.safe_load(Path("tests/cases/ci.yaml").read_text())
DIGEST = "sha256:" + "a" * 64
BUILD = Build("17", "https://ci.example.org/job/shop/17/", "jenkins-shop-17", "c" * 40)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SHOP = Repository("github.com", "team", "shop")


def rows(box: list[str]) -> dict[str, str]:
    pairs = (line.partition(":") for line in box if ":" in line)
    return {label: value.strip() for label, _, value in pairs}


def test_the_summary_names_what_was_delivered() -> None:
    """S2-21: rules of dashes, and each fact of the audit summary."""
    text = f"CANDIDATE=registry.example/team/shop@{DIGEST}\nREVISION=abc1234\nIMAGE_MY_WEB=r/w@x\n"
    box = summary_box(BUILD, parse_digests(text), "SUCCESS", environment="prod")
    assert {box[0], box[2], box[-1]} == {"-" * 72}
    assert box[1] == "Deployment Summary"
    assert rows(box) == {
        "Env": "prod",
        "Namespace/app": "shop",
        "Image Tag": "abc1234",
        "Digest": DIGEST,
        "Image my-web": "r/w@x",
        "Build #": "17",
        "Status": "SUCCESS",
    }


@pytest.mark.parametrize("text", ["", "CANDIDATE=\n", "CANDIDATE=shop:latest\nnonsense\n"])
def test_what_is_not_known_is_called_unknown(text: str) -> None:
    """S2-21: a build that came to no candidate has no digest, and no tag stands in for it."""
    told = rows(summary_box(Build(), parse_digests(text), "FAILURE"))
    assert told.pop("Status") == "FAILURE"
    assert set(told.values()) == {"unknown"}


@pytest.mark.parametrize(
    ("given", "digests", "expected"),
    [
        ({"MODE": "promote", "TO": "prod"}, {}, "prod"),
        ({"MODE": "rollback", "TO": "stage"}, {"CANDIDATE": "x"}, "stage"),
        (
            {"MODE": "release", "TO": "prod"},
            {"CANDIDATE": "x"},
            "each of the app file, in its order",
        ),
        ({"MODE": "release", "TO": "prod"}, {}, ""),
        ({"TO": "prod"}, {"CANDIDATE": "x"}, ""),
    ],
)
def test_the_environment_is_read_from_the_parameters(
    given: dict[str, str], digests: dict[str, str], expected: str
) -> None:
    """S2-21: a release that came to no candidate went nowhere, whatever TO says."""
    assert changed_environment(given, digests) == expected


def test_a_build_is_what_its_environment_says() -> None:
    said = {"BUILD_NUMBER": "17", "BUILD_URL": "https://ci/17/", "BUILD_TAG": "jenkins-shop-17"}
    build = build_of(said)
    assert (build.console, build.run_tag) == ("https://ci/17/console", "build-jenkins-shop-17")
    assert (build_of({}).console, build_of({}).run_tag) == ("", "")


def test_the_failure_box_says_whose_issue_it_is() -> None:
    """S2-29, S0-11: stage, cause, build or runtime, error, evidence, console, next command."""
    error = ProbeFailed("it never became ready", evidence=["GET / 503"], next_step="slipway status")
    box = failure_box(BUILD, "Release", failure_of(explain(error, "release healthy")), "")
    assert {box[0], box[2], box[-1]} == {"━" * 72}
    assert box[1] == "BUILD FAILED"
    assert rows(box) == {
        "Stage": "Release (release healthy)",
        "Cause": "probe",
        "Issue": "runtime issue",
        "Error": "it never became ready",
        "Evidence": "GET / 503",
        "Build": "#17",
        "Console": "https://ci.example.org/job/shop/17/console",
        "Next": "slipway status",
    }


def test_a_failure_that_nobody_recorded_is_said_so() -> None:
    """S2-29: nothing is made up; the stage, the build and the console are still told."""
    told = rows(failure_box(BUILD, "Setup", None, "nothing was recorded"))
    assert (told["Stage"], told["Error"]) == ("Setup", "nothing was recorded")
    assert (told["Cause"], told["Issue"]) == ("unknown", "unknown")


def test_evidence_forges_neither_lines_nor_colours() -> None:
    """G5, S2-29: what an app printed stays one line of its row."""
    evil = "ok\nStage:         none\r\x1b[2J\u202egreen" + "x" * 400
    failed = Failure(stage="test", cause="test", tier="build", message=evil, evidence=(evil,))
    box = failure_box(BUILD, evil, failed, "")
    assert sum(line.startswith("Stage:") for line in box) == 1
    assert all(line.isprintable() and len(line) < 800 for line in box)


def test_a_written_failure_is_read_back() -> None:
    failed = Failure(stage="scan", cause="scan", tier="build", message="m", evidence=("1", "2"))
    assert parse_failure(failed.model_dump_json()) == failed


def test_of_much_evidence_the_newest_is_kept() -> None:
    lines = tuple(str(number) for number in range(100))
    failed = Failure(stage="s", cause="c", tier="build", message="m", evidence=lines)
    assert parse_failure(failed.model_dump_json()).evidence == lines[-20:]


@pytest.mark.parametrize("text", ["", "[]", "null", '{"stage": "s3cret"}', '{"tier": "other"}'])
def test_another_form_of_failure_is_refused_without_its_text(text: str) -> None:
    with pytest.raises(BadInput, match="not what was agreed") as refused:
        parse_failure(text)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("case", CASES["runs"], ids=lambda case: case["name"])
def test_a_run_tells_why_it_is_red(case: dict[str, Any]) -> None:
    """S2-29: the explanation of a flow comes back as it was said."""
    found = failure_of_run({"id": "r1", "name": "calm-owl", "state": case["state"]})
    assert (json.loads(found.model_dump_json()) if found else None) == case["failure"]


@pytest.mark.parametrize(("address", "expected"), CASES["repositories"].items())
def test_a_repository_is_read_from_its_address(address: str, expected: list[str] | None) -> None:
    """S1-03: as git writes addresses; a token in one is never repeated."""
    if expected:
        assert parse_repository(address) == Repository(*expected)
        return
    with pytest.raises(BadInput) as refused:
        parse_repository(address)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("case", CASES["apis"], ids=lambda case: " ".join(case["given"]))
def test_the_token_goes_where_it_may(case: dict[str, Any]) -> None:
    """G7, S1-03: to GitHub's API, or to one that was named, and over TLS."""
    host, given = case["given"]
    if "api" in case:
        assert api_of(Repository(host, "team", "shop"), given) == case["api"]
        return
    with pytest.raises(BadInput, match=case["refused"]) as refused:
        api_of(Repository(host, "team", "shop"), given)
    assert "pw" not in str(refused.value).replace("passwd", "")


@pytest.mark.parametrize("case", CASES["answers"], ids=str)
def test_an_answer_passes_or_stays(case: dict[str, Any]) -> None:
    headers = case.get("headers", {})
    assert is_passing(case["status"], headers) is case["passing"]
    assert seconds_to_wait(headers, NOON) == case.get("wait")


def test_a_status_is_one_request() -> None:
    """S1-03: the whole request, as GitHub documents it."""
    request = status_request(
        "https://api.github.com",
        SHOP,
        "c" * 40,
        StatusState.FAILURE,
        StatusContext.SCAN,
        description="1 CRITICAL\n" + "x" * 200,
        target_url="https://ci.example.org/17/",
    )
    assert request.url == f"https://api.github.com/repos/team/shop/statuses/{'c' * 40}"
    assert request.body == {
        "state": "failure",
        "context": "slipway/scan",
        "description": ("1 CRITICAL " + "x" * 200)[:140],
        "target_url": "https://ci.example.org/17/",
    }


def test_a_status_links_to_web_pages_only() -> None:
    request = status_request(
        "https://x", SHOP, "c" * 40, StatusState.PENDING, StatusContext.BUILD, target_url="file:///"
    )
    assert request.body == {"state": "pending", "context": "slipway/build"}


@pytest.mark.parametrize("commit", ["", "main", "c" * 39, "c" * 40 + "/../x", "C" * 40])
def test_a_status_needs_a_full_commit(commit: str) -> None:
    with pytest.raises(BadInput, match="commit is not known"):
        status_request("https://x", SHOP, commit, StatusState.PENDING, StatusContext.BUILD)
