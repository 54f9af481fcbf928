"""What a container's state means for the release."""

from pathlib import Path

import pytest
import yaml

from blocks.platforms import docker_names as names
from blocks.platforms.docker_health import check_argv
from blocks.platforms.docker_images import pull_failure
from blocks.platforms.docker_judge import Patience, Verdict, failure, judge
from slipway.errors import CrashLoop, OutOfMemory, ProbeFailed

CASES = yaml.safe_load(Path("tests/cases/docker/judge.yaml").read_text())
PULLS = yaml.safe_load(Path("tests/cases/docker/pull.yaml").read_text())


def container(state: dict, restarts: int = 0) -> dict:
    return {
        "Id": "c1",
        "Name": "/slipway.shop.prod.abc.web.0",
        "RestartCount": restarts,
        "State": {"ExitCode": 0, **state},
        "Config": {"Labels": {names.SERVICE: "web"}},
        "HostConfig": {"Memory": 64 * 2**20},
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_judge(case: dict) -> None:
    patience = Patience(case.get("allowed", 0), {"c1": case.get("before", 0)})
    found = judge(
        container(case["state"], case.get("restarts", 0)), case.get("oom", False), patience
    )
    assert found == Verdict(case["verdict"])


@pytest.mark.parametrize(
    ("test", "argv"),
    [
        (["CMD", "python3", "/check.py"], ["python3", "/check.py"]),
        (["CMD-SHELL", "wget -q x || exit 1"], ["/bin/sh", "-c", "wget -q x || exit 1"]),
        (["NONE"], None),
        (["CMD"], None),
        ([], None),
        (None, None),
    ],
)
def test_an_image_s_check_is_run_as_the_engine_runs_it(test, argv) -> None:
    assert check_argv(test) == argv


@pytest.mark.parametrize(
    ("verdict", "kind", "text"),
    [
        (Verdict.CRASHED, CrashLoop, "web (slipway.shop.prod.abc.web.0) crashed with exit code 3"),
        (Verdict.OUT_OF_MEMORY, OutOfMemory, "ran out of its 64 MiB of memory"),
        (Verdict.UNHEALTHY, ProbeFailed, "its own health check fails"),
    ],
)
def test_a_failure_names_container_and_cause(verdict, kind, text) -> None:
    """N24."""
    error = failure(container({"Status": "running", "Running": True}, 2), verdict, ["last"], "3")
    assert isinstance(error, kind)
    assert text in str(error)
    assert error.evidence == ("last",)


@pytest.mark.parametrize("case", PULLS, ids=lambda case: case["said"][:40])
def test_a_failed_pull_is_told_by_its_cause(case: dict) -> None:
    """C2, F1: missing and refused are final, silence is worth another try."""
    error = pull_failure("127.0.0.1:5055/shop/web@sha256:00", case["said"])
    assert type(error).__name__ == case["error"]
    assert error.cause == case["cause"]
