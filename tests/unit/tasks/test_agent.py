"""Parts of integrate that need no server: reports, tags, environments, the door of the agent."""

import asyncio
import json
import shlex
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from slipway.candidate import build_candidate
from slipway.errors import BadInput, Unreachable
from slipway.names import Reference
from slipway.scan import Database, Verdict
from slipway.source import Source
from tasks import reports
from tasks.agent import check_server, show_previewed
from tasks.integrate import Previewed, side_by_side
from tasks.push import check_version
from tasks.test import test_environment as environment_of_tests
from tests.fakes.registry import FakeRegistry, serving, status

APPFILE = b"""
app: links
images: {web: {port: 8080}, job-runner: {}}
environments: {dev: {port: 8001}}
"""
DIGEST = "sha256:" + "1" * 64
CANDIDATE = build_candidate(
    APPFILE,
    Source(repository="https://git.example/a.git", revision="ab" * 20, author="Ann <script>"),
    {n: Reference(f"127.0.0.1:5055/links/{n}", DIGEST) for n in ("web", "job-runner")},
)
VERDICT = Verdict(
    image="web",
    digest=DIGEST,
    passed=False,
    reasons=("HIGH CVE-1 in zlib",),
    scanner="trivy",
    database=Database(name="db", version="2", updated=datetime(2026, 6, 1, tzinfo=UTC)),
    policy=DIGEST,
    judged=date(2026, 6, 15),
)


def test_the_digest_file_is_read_by_a_shell() -> None:
    assert reports.digest_lines(CANDIDATE).splitlines() == [
        f"CANDIDATE={CANDIDATE.reference}",
        f"REVISION={'ab' * 20}",
        f"IMAGE_JOB_RUNNER=127.0.0.1:5055/links/job-runner@{DIGEST}",
        f"IMAGE_WEB=127.0.0.1:5055/links/web@{DIGEST}",
    ]


def test_people_read_a_table_of_the_scan(capsys: pytest.CaptureFixture[str]) -> None:
    """S2-12: on the console, beside the JSON that is archived; one row for each image."""
    show_previewed(Previewed(verdicts=(VERDICT,), built=("web",)))
    told = capsys.readouterr().err
    assert [column for column in reports.COLUMNS if column not in told] == []
    assert "FAILS" in told


@pytest.mark.parametrize(
    ("scanned", "targets"),
    [
        ({}, None),
        ({"web": [{"Target": "os"}]}, ["os"]),
        ({"web": [{"Target": "os"}], "api": [{}]}, ["web: os", "api: "]),
    ],
)
def test_one_report_of_all_images(scanned: dict[str, Any], targets: list[str] | None) -> None:
    """Without a new scan there are no results: none is not the same as none found."""
    raw = {name: {"SchemaVersion": 2, "Results": results} for name, results in scanned.items()}
    report = reports.merged_report("links", raw, [VERDICT])
    results = report.get("Results")
    assert (results and [r["Target"] for r in results]) == targets
    assert report["Slipway"]["reused"] is not bool(scanned)
    assert json.loads(json.dumps(report))["Slipway"]["verdicts"][0]["passed"] is False


def test_the_report_of_tests_that_did_not_run_is_junit() -> None:
    suite = ET.fromstring(reports.unchanged_tests('r@"<&'))[0]  # noqa: S314 - our own
    assert (suite.attrib["tests"], suite.attrib["skipped"]) == ("1", "1")


def test_pages_hold_no_markup_of_others() -> None:
    """G5: an author or a finding may be called anything."""
    page = reports.candidate_page(CANDIDATE, {"web": 12_345_678})
    assert "<script>" not in page
    assert "12.3 MB" in page
    evil = VERDICT.model_copy(update={"reasons": ("[x](javascript:alert(1)) <img onerror=x>",)})
    scan = reports.scan_page("links", [evil])
    assert "<img" not in scan
    assert "](javascript:" not in scan


@pytest.mark.parametrize("version", ["v1.2.3", "1.2.3", "0.0.1", "v1.0.0-rc.1"])
def test_semantic_versions(version: str) -> None:
    assert check_version(version) == version


@pytest.mark.parametrize(
    "version", ["latest", "v1", "1.2", "01.2.3", "v1.2.3 ", "-x", "v1.2.3;id", "key-1", ""]
)
def test_what_is_no_version(version: str) -> None:
    """G2: nor may anybody take a tag of ours by it."""
    with pytest.raises(BadInput, match="not a semantic version"):
        check_version(version)


def test_what_the_apps_tests_see() -> None:
    """G8, G11: the project's python first, where the report goes, and no credential."""
    outer = {"PATH": "/bin", "SLIPWAY_BUILD_REGISTRY_PASSWORD": "x", "PREFECT_API_URL": "x"}
    inner = environment_of_tests(outer, Path("/out put/junit-1.xml"), Path("/venv/bin"))
    assert inner["PATH"] == "/venv/bin:/bin"
    assert shlex.split(inner["PYTEST_ADDOPTS"])[0] == "--junitxml=/out put/junit-1.xml"
    assert not [name for name in inner if name.startswith(("SLIPWAY_B", "PREFECT"))]


async def test_both_sides_end_before_an_error_is_told() -> None:
    """A failed scan leaves no push running behind."""
    ended: list[str] = []

    async def fail() -> str:
        raise BadInput("no")

    async def last() -> str:
        await asyncio.sleep(0.05)
        ended.append("pushed")
        return "pushed"

    with pytest.raises(BadInput):
        await side_by_side(fail(), last())
    assert ended == ["pushed"]
    assert await side_by_side(last(), last()) == ("pushed", "pushed")


@pytest.fixture
def server() -> Iterator[FakeRegistry]:
    """Anything that answers HTTP."""
    with serving(FakeRegistry()) as made:
        yield made


def test_a_server_that_answers_is_good_enough(server: FakeRegistry) -> None:
    server.faults = [status(200), status(401)]
    for _ in range(2):
        check_server(f"http://{server.host}/api")


def test_a_server_that_is_ill_is_told(server: FakeRegistry) -> None:
    """A5: before anything is done."""
    server.faults = [status(503)]
    with pytest.raises(Unreachable, match="Prefect server does not answer"):
        check_server(f"http://{server.host}/api")
    with pytest.raises(Unreachable) as caught:
        check_server("http://user:s3cret@127.0.0.1:9/api")
    assert "s3cret" not in str(caught.value)


def test_without_a_server_the_run_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    check_server(None)
    assert "temporary server" in capsys.readouterr().err
