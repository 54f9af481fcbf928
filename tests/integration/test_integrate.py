"""`python -m flows.integrate`: a commit becomes a candidate, with everything real."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from blocks.registries.artifacts import pull_attestations, pull_candidate
from slipway.attestation import Evidence, Expectations, verify_attestations
from slipway.candidate import Candidate
from slipway.ci_failure import parse_failure
from slipway.cli.stack.prefect import client_environment
from slipway.cli.stack.settings import PROJECT
from slipway.names import parse_reference
from tests.rig.build_world import BuildWorld
from tests.rig.docker_rig import CREDENTIALS
from tests.rig.prefect_rig import PrefectRig

pytestmark = [pytest.mark.engine, pytest.mark.prefect]
TESTS = """
  - [python3, -c, "open('made', 'w').write('by the tests')"]
  - [python3, -m, pytest, -q]
"""
GREEN = {"test_app.py": "def test_it() -> None:\n    assert open('made').read()\n"}
RED = {"test_app.py": "def test_it() -> None:\n    assert 1 == 2, 'no sums today'\n"}


@dataclass
class Run:
    """One run of integrate: exit code, what it said, the files it left."""

    code: int
    out: str
    err: str
    left: dict[str, str]

    @property
    def reference(self) -> str:
        """The last line of standard output."""
        return self.out.splitlines()[-1]

    def files(self) -> list[str]:
        return sorted(self.left)

    def digests(self) -> dict[str, str]:
        lines = self.left["image-digest.env"].splitlines()
        return dict(line.split("=", 1) for line in lines)

    def report(self) -> dict[str, Any]:
        return dict(json.loads(self.left["trivy-report.json"]))


@dataclass
class Agent:
    """A CI agent: the world that builds, tracked by a real server."""

    world: BuildWorld
    prefect: PrefectRig
    out: Path = field(init=False)

    def __post_init__(self) -> None:
        self.out = self.world.folder / "out"

    def integrate(self, *extra: str, **changed: str) -> Run:
        argv = [sys.executable, "-m", "flows.integrate", *extra, "--output-dir", str(self.out)]
        done = subprocess.run(
            [*argv, "--app-dir", str(self.world.source.folder)],
            env={
                **self.world.environment(),
                **client_environment(self.prefect.settings),
                **changed,
            },
            cwd=PROJECT,
            timeout=180,
            capture_output=True,
            text=True,
            check=False,
        )
        assert CREDENTIALS["password"] not in done.stdout + done.stderr
        left = {path.name: path.read_text() for path in self.out.iterdir()}
        return Run(done.returncode, done.stdout, done.stderr, left)

    def good(self, *extra: str, **changed: str) -> Run:
        run = self.integrate(*extra, **changed)
        assert run.code == 0, run.err
        return run

    def candidate(self, run: Run) -> Candidate:
        with self.world.tier().registry() as registry:
            return pull_candidate(registry, parse_reference(run.reference))

    def evidence(self, candidate: Candidate) -> Evidence:
        """What the attestations in the registry prove with this agent's key."""
        tier = self.world.tier()
        with tier.registry() as registry:
            envelopes = pull_attestations(registry, candidate.reference)
        expectations = Expectations(today=datetime.now(UTC).date())
        return verify_attestations(candidate, envelopes, [tier.key.public_key()], expectations)

    def engine_acts(self, since: float) -> list[str]:
        """What the engine did to images of this app since then."""
        events = self.world.rig.engine.events(
            since=since, until=time.time(), decode=True, filters={"type": "image"}
        )
        mine = [e for e in events if self.world.name in e["Actor"]["Attributes"].get("name", "")]
        return [event["Action"] for event in mine]

    def tags(self) -> dict[str, list[str]]:
        with self.world.tier().registry() as registry:
            return {
                path: registry.tags(path) for path in (self.world.name, f"{self.world.name}/web")
            }


@pytest.fixture
def agent(prefect_rig: PrefectRig, tmp_path: Path) -> Agent:
    return Agent(BuildWorld(prefect_rig.docker, tmp_path), prefect_rig)


def test_a_commit_becomes_a_candidate(agent: Agent) -> None:
    """S1-16, S1-20 to S1-22, S4-18: one string on the last line leads to all that was made."""
    revision = agent.world.commit(tests=TESTS, files=GREEN)
    run = agent.good()
    candidate = agent.candidate(run)
    assert run.out == f"{candidate.reference}\n"
    assert (candidate.source.revision, candidate.source.author) == (
        revision,
        "Ada <ada@example.org>",
    )
    assert run.digests() == {
        "CANDIDATE": run.reference,
        "REVISION": revision,
        "IMAGE_WEB": str(candidate.images["web"]),
    }
    assert run.files() == [
        "image-digest.env",
        "junit-2.xml",
        "pytest-report.xml",
        "sbom-web.cdx.json",
        "trivy-report.json",
    ]
    assert 'tests="1"' in run.left["junit-2.xml"]
    assert run.report()["Slipway"]["verdicts"][0]["digest"] == candidate.images["web"].digest
    assert "passes" in agent.evidence(candidate).facts[2]
    assert {revision, "latest"} <= set(agent.tags()[f"{agent.world.name}/web"])


def test_an_unchanged_commit_does_nothing(agent: Agent) -> None:
    """E7, S1-52: no build, push, scan or test; the same string, and every file for Jenkins."""
    agent.world.commit(tests=TESTS, files=GREEN)
    first, tags = agent.good(), agent.tags()
    since = time.time()
    # Neither Trivy nor an engine that builds is there any more: nothing needs them.
    again = agent.good(SLIPWAY_BUILD_TRIVY="/nonexistent/trivy")
    assert again.reference == first.reference
    assert again.err.endswith("unchanged\n")
    assert agent.engine_acts(since) == []
    assert agent.tags() == tags
    assert again.files() == [
        *("image-digest.env", "junit-unchanged.xml", "pytest-report.xml", "trivy-report.json")
    ]
    assert again.report()["Slipway"]["reused"] is True


def test_the_same_source_in_another_commit_builds_nothing(agent: Agent) -> None:
    """E7, S1-52, S2-11: the image is known by its inputs; the new commit's candidate is new."""
    agent.world.commit()
    first = agent.good()
    agent.world.source.git("commit", "--quiet", "--allow-empty", "--message", "Say nothing")
    since = time.time()
    second = agent.good()
    assert second.reference != first.reference
    assert second.digests()["IMAGE_WEB"] == first.digests()["IMAGE_WEB"]
    assert agent.engine_acts(since) == []
    agent.evidence(agent.candidate(second))


def test_a_newer_database_means_a_new_scan_and_nothing_else(agent: Agent) -> None:
    """E7: of what was known only the verdict is made again, and added."""
    agent.world.commit()
    first = agent.good()
    before = len(pull(agent, first))
    metadata = agent.world.folder / "trivy" / "db" / "metadata.json"
    facts = json.loads(metadata.read_text())
    newer = datetime.fromisoformat(facts["UpdatedAt"]) + timedelta(seconds=1)
    metadata.write_text(json.dumps({**facts, "UpdatedAt": newer.isoformat()}))
    since = time.time()
    second = agent.good()
    assert second.reference == first.reference
    assert agent.engine_acts(since) == []
    assert second.report()["Slipway"]["reused"] is False
    assert len(pull(agent, second)) == before + 2


def pull(agent: Agent, run: Run) -> list[bytes]:
    with agent.world.tier().registry() as registry:
        return pull_attestations(registry, parse_reference(run.reference))


def test_a_one_line_change_is_another_candidate(agent: Agent) -> None:
    agent.world.commit(tests=TESTS, files=GREEN)
    first = agent.good()
    agent.world.commit(tests=TESTS, files={**GREEN, "line": "changed"})
    second = agent.good()
    assert second.reference != first.reference
    assert second.digests()["IMAGE_WEB"] != first.digests()["IMAGE_WEB"]


def test_red_tests_build_and_push_nothing(agent: Agent) -> None:
    """S1-18: exit 4, the assertion in the evidence, the JUnit report kept."""
    agent.world.commit(tests=TESTS, files={**GREEN, **RED})
    since = time.time()
    run = agent.integrate()
    assert run.code == 4, run.err
    assert run.out == ""
    assert "no sums today" in run.err
    assert "(build issue)" in run.err
    assert run.files() == ["failure.json", "junit-2.xml", "pytest-report.xml"]
    assert parse_failure(run.left["failure.json"]).stage == "test"
    assert agent.engine_acts(since) == []
    assert not any(agent.tags().values())


def test_a_failing_scan_makes_no_candidate(agent: Agent) -> None:
    """S1-21, F7: exit 3 with the reason; the image may be there, but no candidate names it."""
    old = "Metadata-Version: 2.1\nName: flask\nVersion: 2.3.1\n"
    agent.world.commit(files={"site/flask-2.3.1.dist-info/METADATA": old})
    run = agent.integrate()
    assert run.code == 3, run.err
    assert "flask" in run.err
    assert run.out == ""
    assert "image-digest.env" not in run.files()
    assert run.report()["Slipway"]["verdicts"][0]["passed"] is False
    assert agent.tags()[agent.world.name] == []


def test_without_a_database_nothing_is_made(agent: Agent) -> None:
    """F7: exit 4, and the next step."""
    agent.world.commit()
    run = agent.integrate(SLIPWAY_BUILD_TRIVY_CACHE=str(agent.world.folder / "none"))
    assert run.code == 4, run.err
    assert "there is no advisory database" in run.err
    assert "next:" in run.err
    assert agent.tags()[agent.world.name] == []


def test_moved_tags_do_not_move_the_candidate(agent: Agent) -> None:
    """F3: what is handed over stays what was scanned and signed; the moved tag is refused later."""
    agent.world.commit()
    first = agent.good()
    web = agent.candidate(first).images["web"]
    agent.world.commit(files={"line": "changed"})
    second = agent.good()
    tier, other = agent.world.tier(), agent.candidate(second).images["web"]
    with tier.registry() as registry:
        for tag in registry.tags(web.path):
            registry.tag(web.path, other.digest, tag, moves=True)
    assert agent.candidate(first).images["web"].digest == web.digest
    agent.evidence(agent.candidate(first))
    agent.world.source.git("checkout", "--quiet", "HEAD~1")
    again = agent.integrate()
    assert again.code == 3, again.err
    assert "was not put there by this builder" in again.err


def test_uncommitted_changes_are_for_dev_alone(agent: Agent) -> None:
    revision = agent.world.commit()
    (agent.world.source.folder / "line").write_text("not committed")
    refused = agent.integrate()
    assert refused.code == 3, refused.err
    assert "uncommitted changes" in refused.err
    run = agent.good("--dev")
    tags = agent.tags()[f"{agent.world.name}/web"]
    assert any(tag.startswith(f"{revision}-dirty-") for tag in tags)
    assert revision not in tags
    assert "latest" not in tags
    assert agent.candidate(run).source.uncommitted is True


def test_a_version_is_given_once(agent: Agent) -> None:
    """S1-10: semantic versions are tags that never move."""
    agent.world.commit()
    agent.good("--version", "v1.0.0")
    assert "v1.0.0" in agent.tags()[agent.world.name]
    agent.world.commit(files={"line": "changed"})
    run = agent.integrate("--version", "v1.0.0")
    assert run.code == 3, run.err
    assert "names another digest" in run.err
    assert agent.integrate("--version", "latest").code == 2


def test_tests_and_build_see_no_credentials(agent: Agent) -> None:
    """G8, G11: what an app's own commands print holds nothing of the agent's."""
    show = (
        'import os; print(sorted(n for n in os.environ if n.startswith(("SLIPWAY_B", "PREFECT"))))'
    )
    agent.world.commit(tests=f"\n  - [python3, -c, {json.dumps(show)}]\n")
    run = agent.good()
    assert "SLIPWAY_BUILD" not in run.err
    assert " - []" in run.err


def test_the_server_shows_the_run(agent: Agent) -> None:
    """DC-08: named by app, tagged, with its artifacts; N21: no credential in anything of it."""
    agent.world.commit()
    agent.good()
    name = agent.world.name
    runs = agent.prefect.post(
        "/flow_runs/filter", {"flow_runs": {"tags": {"all_": [f"app:{name}"]}}}
    )
    assert {"integrate", "build", "scan", "push"} <= {run["name"].split()[0] for run in runs}
    assert {run["state"]["type"] for run in runs} == {"COMPLETED"}
    shown = agent.prefect.post(
        "/artifacts/filter",
        {"artifacts": {"key": {"any_": [f"scan--{name}", f"candidate--{name}"]}}},
    )
    assert len(shown) == 2
    assert CREDENTIALS["password"] not in json.dumps([runs, shown])
