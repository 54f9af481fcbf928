"""Commit statuses, as a build's own process reports them to a GitHub over HTTP."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.cli.stack.prefect import base_environment
from tests.fakes.github import TOKEN, FakeGithub, serving

BUILD = {
    "GIT_URL": "https://github.com/team/shop.git",
    "GIT_COMMIT": "c" * 40,
    "BUILD_URL": "https://ci.example.org/job/shop/17/",
    "GIT_TOKEN": TOKEN,
}


@pytest.fixture
def github() -> Iterator[FakeGithub]:
    with serving(FakeGithub()) as fake:
        yield fake


def report(
    github: FakeGithub, *more: str, state: str = "success", code: int = 0, **variables: str
) -> str:
    """What `slipway ci status` says."""
    argv = ["ci", "status", "--context", "slipway/build", "--state", state, *more]
    own = {**BUILD, "GITHUB_API_URL": github.url, **variables}
    done = subprocess.run(
        [sys.executable, "-m", "slipway.cli", *argv],
        env={**base_environment(os.environ), **own},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert TOKEN not in done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_status_reaches_github(github: FakeGithub) -> None:
    """S1-03: the commit, the context, the state, the build's page; the token as a bearer's."""
    assert "slipway/build reported as success" in report(github, "--description", "12 tests")
    ((path, body, headers),) = github.requests
    assert path == f"/repos/team/shop/statuses/{'c' * 40}"
    assert body == {
        "state": "success",
        "context": "slipway/build",
        "description": "12 tests",
        "target_url": BUILD["BUILD_URL"],
    }
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["X-GitHub-Api-Version"] == "2022-11-28"


def test_a_status_is_sent_again_until_github_is_well(github: FakeGithub) -> None:
    """F1, S1-03: errors of the server, rate limits and hang-ups pass; it is reported once."""
    github.faults = [(503, {}), (429, {"Retry-After": "0"}), (0, {})]
    assert "reported as success" in report(github)
    assert [body["state"] for body in github.statuses] == ["success"] * 4


def test_a_status_that_is_not_taken_only_warns(github: FakeGithub) -> None:
    """S1-03: a release is not red because GitHub was told too late."""
    github.faults = [(500, {})] * 9
    said = report(github)
    assert "warning: slipway/build not reported" in said
    assert len(github.requests) == 4


def test_a_strict_report_fails_by_the_class_of_its_error(github: FakeGithub) -> None:
    github.faults = [(422, {})]
    said = report(github, "--strict", code=3)
    assert "HTTP 422" in said
    assert "was pushed to the repository" in said


def test_a_long_wait_is_not_waited(github: FakeGithub) -> None:
    """F1: a build holds its agent for seconds, not for an hour."""
    github.faults = [(429, {"Retry-After": "3600"})]
    assert "asks to wait 3600 s" in report(github)
    assert len(github.requests) == 1


def test_a_wrong_token_is_said_so_once(github: FakeGithub) -> None:
    said = report(github, GIT_TOKEN="ghp_wrong")
    assert "HTTP 401" in said
    assert "renew the token" in said
    assert len(github.requests) == 1
    assert "ghp_wrong" not in said


def test_the_token_follows_no_redirect(github: FakeGithub) -> None:
    """G7: not to another address, whoever sends it there."""
    with serving(FakeGithub()) as other:
        github.faults = [(307, {"Location": f"{other.url}/x"})]
        assert "HTTP 307" in report(github)
        assert other.requests == []


def test_without_a_token_nothing_is_sent(github: FakeGithub) -> None:
    """S1-03: a public repository needs no token, and its builds say what is missing."""
    assert "not reported: no token" in report(github, "--strict", GIT_TOKEN="")
    assert github.requests == []


def test_the_token_may_come_from_a_file(github: FakeGithub, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert "reported" in report(github, "--token-file", str(file), GIT_TOKEN="")
    assert len(github.requests) == 1


def test_a_token_that_is_none_is_refused_unseen(github: FakeGithub) -> None:
    """G1, G8: a line break in a token cannot add a header, and is not shown."""
    said = report(github, "--strict", code=2, GIT_TOKEN=f"{TOKEN}\r\nX-Evil: 1")
    assert "X-Evil" not in said
    assert github.requests == []


def test_a_build_without_a_commit_is_told_what_to_set(github: FakeGithub) -> None:
    assert "set GIT_COMMIT" in report(github, GIT_COMMIT="")
    assert github.requests == []
