"""`slipway doctor --agent`: which programs are there, and new enough."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import Result

from blocks.scanners.trivy import DENIED_VERSIONS
from slipway.ci_tools import is_new_enough, told_version
from slipway.cli.agent_checks import agent_tools

Slipway = Callable[..., Result]
CASES = yaml.safe_load(Path("tests/cases/agent_tools.yaml").read_text())
WAYS = {way.ask[0]: way for tool in agent_tools() for way in tool.ways}
PRINTS = {
    "docker": "Docker version 28.2.2, build e6534b4",
    "git": "git version 2.39.5",
    "trivy": "Version: 0.76.0",
    "python": "Python 3.11.7",
    "prefect": "3.8.8",
    "openssl": "OpenSSL 3.0.19 27 Jan 2026",
    "kubectl": '{"clientVersion": {"gitVersion": "v1.32.4"}}',
    "helm": "v3.14.2+gc309b6f",
    "aws": "aws-cli/2.15.30 Python/3.11.8",
}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, with programs that print what real ones do."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in PRINTS.items():
        put(folder, name, text)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr("sys.executable", str(folder / "python"))
    return folder


def put(folder: Path, name: str, text: str, code: int = 0) -> None:
    """A program that prints the text to standard error, as some do."""
    cat = shutil.which("cat", path="/bin:/usr/bin")
    script = f"#!/bin/sh\n{cat} >&2 <<'END'\n{text}\nEND\nexit {code}\n"
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)


def states(result: Result) -> dict[str, str]:
    return {row["name"]: row["state"] for row in json.loads(result.stdout)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['ask']} {case['version']}")
def test_a_version_is_read_from_what_a_program_prints(case: dict[str, Any]) -> None:
    """S1-06: real outputs, compared by number."""
    way = WAYS[case["ask"]]
    found = told_version(way, case["prints"])
    assert found == case["version"]
    if found:
        assert is_new_enough(found, way.at_least) is case["good"]


@pytest.mark.parametrize(
    ("found", "least", "enough"),
    [
        ("3.10", "3.9", True),
        ("2.0.0", "2.0", True),
        ("2.0", "2.0.1", False),
        ("10.0", "9.9.9", True),
    ],
)
def test_versions_are_compared_by_number(found: str, least: str, enough: bool) -> None:
    assert is_new_enough(found, least) is enough


def test_the_required_minimums_are_those_of_the_requirement() -> None:
    """S1-06: Docker 20.10, kubectl 1.24, Helm 3.8, AWS CLI 2, Python no older than ours."""
    wanted = {"docker": "20.10", "kubectl": "1.24", "helm": "3.8", "aws": "2.0", "python": "3.11"}
    assert {name: WAYS[name].at_least for name in wanted} == wanted


def test_an_agent_with_everything_is_healthy(slipway: Slipway, programs: Path) -> None:
    """S1-06: each tool with its version and its place."""
    done = slipway("doctor", "--agent", "--with", "kubectl", "--with", "aws", "--json")
    assert done.exit_code == 0
    assert set(states(done).values()) == {"ok"}
    assert f"28.2.2 at {programs / 'docker'}" in done.stdout


def test_what_is_missing_or_old_is_named(slipway: Slipway, programs: Path) -> None:
    """S1-06: exit code 8, what was found, and the next step."""
    (programs / "trivy").unlink()
    put(programs, "docker", "Docker version 19.03.15, build 99e3ed8919")
    put(programs, "git", "no version at all")
    done = slipway("doctor", "--agent", "--json")
    assert done.exit_code == 8
    bad = {row["name"]: row for row in json.loads(done.stdout) if row["state"] == "bad"}
    assert set(bad) == {"docker", "git", "trivy"}
    assert "19.03.15" in bad["docker"]["found"]
    assert "no trivy on PATH" in bad["trivy"]["found"]
    assert "tells no version" in bad["git"]["found"]
    assert all("install" in row["next_step"] for row in bad.values())


def test_a_scanner_reported_malicious_does_not_count(slipway: Slipway, programs: Path) -> None:
    """S1-06: the same versions that a scan refuses."""
    (denied,) = (tool.denied for tool in agent_tools() if tool.denied)
    assert denied == DENIED_VERSIONS
    put(programs, "trivy", f"Version: {min(denied)}")
    done = slipway("doctor", "--agent", "--json")
    assert done.exit_code == 8
    assert "reported malicious" in done.stdout


def test_tools_to_deploy_with_count_where_they_are_used(slipway: Slipway, programs: Path) -> None:
    for name in ("kubectl", "helm", "aws"):
        (programs / name).unlink()
    done = slipway("doctor", "--agent", "--json")
    assert done.exit_code == 0
    assert states(done)["helm"] == "absent"
    assert slipway("doctor", "--agent", "--with", "helm").exit_code == 8


def test_another_program_may_do_as_well(slipway: Slipway, programs: Path) -> None:
    """Keys are made by openssl or by ssh-keygen."""
    (programs / "openssl").unlink()
    assert slipway("doctor", "--agent").exit_code == 8
    put(programs, "ssh", "OpenSSH_9.2p1 Debian-2+deb12u6, OpenSSL 3.0.19 27 Jan 2026")
    assert slipway("doctor", "--agent").exit_code == 0


def test_the_scanner_may_be_named(
    slipway: Slipway, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent's own setting says which one is used, so that one is looked at."""
    (programs / "trivy").rename(programs / "trivy-0.76")
    monkeypatch.setenv("SLIPWAY_BUILD_TRIVY", str(programs / "trivy-0.76"))
    assert slipway("doctor", "--agent").exit_code == 0


def test_a_program_sees_no_credential(
    slipway: Slipway, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G8: whatever stands on PATH under a tool's name."""
    monkeypatch.setenv("GIT_TOKEN", "s3cret")
    env = shutil.which("env", path="/bin:/usr/bin")
    (programs / "git").write_text(f"#!/bin/sh\necho git version 2.39.5\n{env} > {programs}/seen\n")
    assert slipway("doctor", "--agent").exit_code == 0
    assert "PATH=" in (programs / "seen").read_text()
    assert "s3cret" not in (programs / "seen").read_text()


@pytest.mark.parametrize("argv", [("--agent", "--with", "make"), ("--with", "helm")])
def test_options_that_make_no_sense_are_refused(
    slipway: Slipway, programs: Path, argv: tuple[str, ...]
) -> None:
    assert slipway("doctor", *argv).exit_code == 2
