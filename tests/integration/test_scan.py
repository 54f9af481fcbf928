"""Real Trivy on real images: findings are bound to the digest, and nothing passes by accident."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from blocks.builders.engine import push
from blocks.scanners.trivy import Scanned, Subject
from slipway.errors import DeadlineExceeded, ScanFailed, ScanRefused
from slipway.names import Reference
from slipway.scan import judge, refuse_failing
from slipway.scan_policy import ScanPolicy
from tests.rig.build_world import BuildWorld, unheard
from tests.rig.docker_rig import Rig

pytestmark = pytest.mark.engine

# What pip leaves in an image, as a scanner sees it; the demo's advisories know this version.
OLD_PACKAGE = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
FIXED_IN = "2.3.2"


@pytest.fixture
def agent(rig: Rig, tmp_path: Path) -> BuildWorld:
    return BuildWorld(rig, tmp_path)


def packaged(name: str, version: str) -> dict[str, str]:
    """Files of a python package that is installed."""
    folder = f"site/{name}-{version}.dist-info"
    return {f"{folder}/METADATA": OLD_PACKAGE.format(name=name, version=version)}


async def scan(agent: BuildWorld, subject: Subject) -> Scanned:
    tier = agent.tier()
    return await tier.trivy.scan(subject, tier.credentials, unheard)


def names(scanned: Scanned) -> Sequence[str]:
    return sorted(finding.package for finding in scanned.findings.findings)


async def test_the_engine_and_the_registry_show_the_same(agent: BuildWorld) -> None:
    """S1-21: beside the push, or straight from the registry where the image was reused."""
    agent.commit(files=packaged("flask", "2.3.1"))
    tier = agent.tier()
    built = await agent.build(tier)
    with tier.registry() as registry:
        digest = push(tier.engine, registry, built.path, built.image_id, tier.credentials)
    remote = f"{agent.host}/{built.path}@{digest}"
    local, there = await asyncio.gather(
        scan(agent, Subject(built.image_id, built.image_id)),
        scan(agent, Subject(remote, built.image_id, remote=True, insecure=True)),
    )
    assert "flask" in names(local)
    assert names(local) == names(there)
    assert local.findings.packages == there.findings.packages > 20
    assert any(part["name"] == "flask" for part in local.sbom["components"])


async def test_a_finding_that_has_a_fix_is_refused(agent: BuildWorld) -> None:
    """S1-21: by the policy's default, with the package and its fix in the reason."""
    agent.commit(files=packaged("flask", "2.3.1"))
    built = await agent.build()
    scanned = await scan(agent, Subject(built.image_id, built.image_id))
    reference = Reference(f"{agent.host}/{built.path}", "sha256:" + "1" * 64)
    report = scanned.findings.report("web", reference, scanned.database)
    verdict = judge(report, ScanPolicy(), datetime.now(UTC).date())
    with pytest.raises(ScanRefused) as caught:
        refuse_failing([verdict])
    assert "flask" in str(caught.value.evidence)
    assert FIXED_IN in str(caught.value.evidence)
    assert any("demo" in warning for warning in verdict.warnings)


async def test_the_report_of_another_image_is_refused(agent: BuildWorld) -> None:
    """F8: the id inside the report counts, not the name that was asked for."""
    agent.commit()
    built = await agent.build()
    with pytest.raises(ScanFailed, match="of another image"):
        await scan(agent, Subject("slipway/python:3.11", built.image_id))


async def test_a_database_that_is_gone_or_broken(agent: BuildWorld) -> None:
    """F7: closed."""
    agent.commit()
    built = await agent.build()
    subject = Subject(built.image_id, built.image_id)
    database = agent.folder / "trivy" / "db" / "trivy.db"
    database.write_bytes(b"broken")
    with pytest.raises(ScanFailed, match="trivy image failed"):
        await scan(agent, subject)
    database.unlink()
    with pytest.raises(ScanFailed, match="no advisory database"):
        await scan(agent, subject)


async def test_a_stale_database_lets_nothing_pass(agent: BuildWorld) -> None:
    """F7: Trivy itself would not say so."""
    agent.commit()
    built = await agent.build()
    metadata = agent.folder / "trivy" / "db" / "metadata.json"
    facts = json.loads(metadata.read_text())
    metadata.write_text(json.dumps({**facts, "UpdatedAt": "2020-01-01T00:00:00Z"}))
    scanned = await scan(agent, Subject(built.image_id, built.image_id))
    reference = Reference(f"{agent.host}/{built.path}", "sha256:" + "1" * 64)
    report = scanned.findings.report("web", reference, scanned.database)
    verdict = judge(report, ScanPolicy(), datetime.now(UTC).date())
    assert not verdict.passed
    assert "days old" in verdict.reasons[0]


async def test_a_scan_over_its_time(agent: BuildWorld) -> None:
    """F7."""
    agent.commit()
    built = await agent.build()
    tier = agent.tier(minutes="0.0005")
    with pytest.raises((DeadlineExceeded, ScanFailed)):
        await tier.trivy.scan(Subject(built.image_id, built.image_id), None, unheard)
