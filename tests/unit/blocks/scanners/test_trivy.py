"""Trivy: its command as data, its report, and that nothing passes when anything goes wrong (F7)."""

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from blocks.registries.transport import Credentials
from blocks.scanners.findings import parse_database, parse_findings, parse_sbom
from blocks.scanners.trivy import (
    LABEL_FILE,
    Subject,
    Trivy,
    check_version,
    sbom_command,
    scan_command,
)
from slipway.errors import BadInput, DeadlineExceeded, Refused, ScanFailed
from slipway.scan_policy import Severity
from tests.fakes.groups import running

IMAGE_ID, OTHER_ID = "sha256:" + "1" * 64, "sha256:" + "2" * 64
SUBJECT = Subject(reference=IMAGE_ID, image_id=IMAGE_ID)
FINDING = {
    "VulnerabilityID": "CVE-2099-1",
    "PkgName": "zlib1g",
    "InstalledVersion": "1.0",
    "Severity": "HIGH",
}
REPORT: dict[str, Any] = {
    "SchemaVersion": 2,
    "Trivy": {"Version": "0.76.0"},
    "Metadata": {"ImageID": IMAGE_ID},
    "Results": [{"Packages": [{}, {}], "Vulnerabilities": [FINDING]}, {"Packages": None}],
}
SBOM = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{}]}
METADATA = b'{"Version": 2, "UpdatedAt": "2026-06-15T12:00:00Z"}'


def test_the_scan_command_is_exactly_this() -> None:
    """Offline, no ignore file, and the operand behind `--` (G2)."""
    assert scan_command("trivy", Path("/c"), SUBJECT, Path("/o")) == [
        *("trivy", "image", "--quiet", "--cache-dir", "/c", "--cache-backend", "memory"),
        *("--skip-db-update", "--skip-java-db-update", "--offline-scan"),
        *("--skip-check-update", "--skip-version-check", "--scanners", "vuln"),
        *("--list-all-pkgs", "--format", "json", "--output", "/o"),
        *("--image-src", "docker", "--", IMAGE_ID),
    ]


def test_a_remote_scan_needs_no_engine_and_shows_no_password() -> None:
    remote = Subject("127.0.0.1:5055/app@sha256:1", IMAGE_ID, remote=True, insecure=True)
    command = scan_command("trivy", Path("/c"), remote, Path("/o"))
    assert command[-5:] == ["--image-src", "remote", "--insecure", "--", remote.reference]


def test_the_sbom_comes_of_the_same_report() -> None:
    assert sbom_command("trivy", Path("/r"), Path("/o"))[-4:] == ["--output", "/o", "--", "/r"]


def test_findings_are_read() -> None:
    found = parse_findings(json.dumps(REPORT).encode(), IMAGE_ID)
    assert (found.packages, found.scanner) == (2, "trivy 0.76.0")
    finding = found.findings[0]
    assert (finding.id, finding.severity, finding.fixed) == ("CVE-2099-1", Severity.HIGH, None)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"not json",
        b"[" * 100_000,
        json.dumps({**REPORT, "SchemaVersion": 3}).encode(),
        json.dumps({**REPORT, "Metadata": {"ImageID": OTHER_ID}}).encode(),
        json.dumps({**REPORT, "Metadata": {}}).encode(),
        json.dumps({**REPORT, "Results": [{"Vulnerabilities": [{}]}]}).encode(),
        json.dumps(
            {**REPORT, "Results": [{"Vulnerabilities": [{**FINDING, "Severity": "BAD"}]}]}
        ).encode(),
    ],
    ids=["empty", "list", "text", "deep", "schema", "foreign", "nameless", "bare", "severity"],
)
def test_a_report_that_proves_nothing(data: bytes) -> None:
    """F7, F8: unreadable, of another schema, or of another image."""
    with pytest.raises(ScanFailed, match="the scan proves nothing"):
        parse_findings(data, IMAGE_ID)


def test_control_characters_of_a_report_stay_out() -> None:
    """G5."""
    evil = {**FINDING, "Title": "\x1b[31mred\nline", "PkgName": "a\rb"}
    report = {**REPORT, "Results": [{"Vulnerabilities": [evil]}]}
    finding = parse_findings(json.dumps(report).encode(), IMAGE_ID).findings[0]
    assert (finding.package, finding.title) == ("a b", " [31mred line")


@pytest.mark.parametrize("document", [{}, {"bomFormat": "SPDX"}, {**SBOM, "components": []}])
def test_what_is_no_sbom(document: dict[str, Any]) -> None:
    with pytest.raises(ScanFailed, match="no SBOM"):
        parse_sbom(json.dumps(document).encode())


def test_the_database_says_what_it_is() -> None:
    public = parse_database(METADATA, None)
    demo = parse_database(METADATA, b'{"label": "demo advisory database", "demo": true}')
    assert (public.name, public.demo) == ("trivy-db", False)
    assert (demo.name, demo.demo) == ("demo advisory database", True)
    assert public.updated == datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize("metadata", [b"", b"{}", b'{"Version": 2}', b'{"UpdatedAt": "x"}'])
def test_a_database_without_a_date_is_none(metadata: bytes) -> None:
    with pytest.raises(ScanFailed):
        parse_database(metadata, None)


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("Version: 0.76.0", True),
        ("Version: v0.70.0", True),
        ("Version: 0.69.4", False),
        ("Version: 0.69.5", False),
        ("Version: 0.69.6", False),
        ("something", False),
    ],
)
def test_versions_reported_malicious(line: str, allowed: bool) -> None:
    if allowed:
        assert check_version((line,))
    else:
        with pytest.raises(Refused, match="must not be used"):
            check_version((line,))


# A program that plays Trivy: it says its version, then does what the test wants.
PLAYED = """#!{python}
import json, os, signal, sys, time
seen = {seen!r}
if sys.argv[1] == "--version":
    print("Version: 0.76.0")
    raise SystemExit
with open(seen, "a") as log:
    config = open(os.environ["DOCKER_CONFIG"] + "/config.json").read()
    log.write(json.dumps([sys.argv[1:], dict(os.environ), os.listdir("."), config]) + chr(10))
output = sys.argv[sys.argv.index("--output") + 1]
def write(value): open(output, "w").write(json.dumps(value))
{act}
"""
GOOD = f"write({REPORT!r} if sys.argv[1] == 'image' else {SBOM!r})"


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Trivy]:
    """A Trivy that does `act` instead of scanning, with a database."""

    def trivy(act: str = GOOD, seconds: float = 20) -> Trivy:
        binary, cache = tmp_path / "trivy", tmp_path / "cache"
        seen = str(tmp_path / "seen")
        binary.write_text(PLAYED.format(python=sys.executable, seen=seen, act=act))
        binary.chmod(0o755)
        (cache / "db").mkdir(parents=True)
        (cache / "db" / "trivy.db").write_bytes(b"db")
        (cache / "db" / "metadata.json").write_bytes(METADATA)
        return Trivy(str(binary), cache, seconds)

    return trivy


def unheard(line: str) -> None:
    """Says nothing."""


async def test_a_good_scan(play: Callable[..., Trivy]) -> None:
    scanned = await play().scan(SUBJECT, None, unheard)
    assert (scanned.findings.packages, scanned.sbom) == (2, SBOM)


@pytest.mark.parametrize(
    ("act", "error"),
    [
        ("raise SystemExit(1)", "exit code 1"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "out of memory"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "signal 15"),
        ("pass", "no usable report"),
        ("open(output, 'w').write('{')", "report not readable"),
        (f"write({ {**REPORT, 'Metadata': {'ImageID': OTHER_ID}}!r})", "of another image"),
    ],
)
async def test_whatever_goes_wrong_nothing_passes(
    play: Callable[..., Trivy], act: str, error: str
) -> None:
    """A7, F7: crash, kill, silence, garbage, and the report of another image."""
    with pytest.raises(ScanFailed) as caught:
        await play(act).scan(SUBJECT, None, unheard)
    assert error in str(caught.value)
    assert caught.value.next_step


async def test_a_scan_that_hangs_is_ended(play: Callable[..., Trivy], tmp_path: Path) -> None:
    """F7: at its deadline, with all that it started."""
    pid = tmp_path / "pid"
    act = f"open({str(pid)!r}, 'w').write(str(os.getpid()))\nos.fork()\ntime.sleep(60)"
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="longer than 1 s"):
        await play(act, seconds=1).scan(SUBJECT, None, unheard)
    assert time.monotonic() - started < 15
    assert running(pid) == []


@pytest.mark.parametrize("gone", ["trivy.db", "metadata.json"])
async def test_without_a_database_nothing_passes(play: Callable[..., Trivy], gone: str) -> None:
    """F7."""
    trivy = play()
    (trivy.cache / "db" / gone).unlink()
    with pytest.raises(ScanFailed, match="there is no advisory database"):
        await trivy.scan(SUBJECT, None, unheard)


async def test_a_missing_trivy_is_bad_input(play: Callable[..., Trivy]) -> None:
    trivy = Trivy("/nonexistent/trivy", play().cache)
    with pytest.raises(BadInput, match="cannot be started"):
        await trivy.scan(SUBJECT, None, unheard)


async def test_a_demo_database_is_named_in_the_log(play: Callable[..., Trivy]) -> None:
    trivy, said = play(), list[str]()
    (trivy.cache / LABEL_FILE).write_text('{"label": "demo advisory database", "demo": true}')
    await trivy.scan(SUBJECT, None, said.append)
    assert said == ["scan uses a demo advisory database: it proves nothing about real risks"]


async def test_the_scanner_sees_nothing_of_ours(
    play: Callable[..., Trivy], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G8, G10: no token, no TRIVY_ switch, no ignore file; a login only for a remote scan."""
    for name in ("TRIVY_IGNOREFILE", "TRIVY_SEVERITY", "SLIPWAY_BUILD_REGISTRY_PASSWORD", "TOKEN"):
        monkeypatch.setenv(name, "canary-value")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".trivyignore").write_text("CVE-2099-1")
    login, trivy = Credentials("user", SecretStr("canary-password")), play()
    await trivy.scan(SUBJECT, login, unheard)
    remote = Subject("r.example/app@sha256:1", IMAGE_ID, remote=True)
    await trivy.scan(remote, login, unheard)
    runs = [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]
    assert not any("canary" in json.dumps([argv, env]) for argv, env, _, _ in runs)
    assert runs[0][2] == []
    assert [config == "{}" for _, _, _, config in runs] == [True, True, False, False]
    left = [env["DOCKER_CONFIG"] for _, env, _, _ in runs]
    assert not [path for path in left if os.access(path, os.F_OK)]
