"""The candidate and what is signed about it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from prefect.runtime import flow_run

from blocks.build_tier import BuildTier
from blocks.builders.docker import engine_names
from blocks.builders.inputs import PlannedImage
from blocks.registries.artifacts import push_attestations, push_candidate
from blocks.scanners.trivy import Scanned
from slipway.candidate import Candidate
from slipway.dsse import IN_TOTO, seal
from slipway.scan import Verdict, refuse_failing
from slipway.scan import judge as judge_report
from slipway.scan_policy import ScanPolicy
from slipway.statement import BuildFacts, Dependency, Statement, provenance, sbom, scan_verdict
from tasks.acts import act
from tasks.handover import Output, show_verdicts


async def judge(
    policy: ScanPolicy, candidate: Candidate, scanned: Mapping[str, Scanned], output: Output
) -> list[Verdict]:
    """The verdict on each scan, bound to the digest that was pushed; written and shown."""
    today = datetime.now(UTC).date()
    images = candidate.images
    found = [
        judge_report(scan.findings.report(name, images[name], scan.database), policy, today)
        for name, scan in scanned.items()
    ]
    await show_verdicts(candidate.app, scanned, found, output)
    return found


async def sign(
    tier: BuildTier,
    candidate: Candidate,
    tag: str,
    scanned: Mapping[str, Scanned],
    verdicts: Sequence[Verdict],
    facts: BuildFacts | None,
) -> None:
    """Push the candidate and what is signed about it.

    A candidate that is new (`facts` given) is pushed only where every verdict passes. One that
    was signed before gets a failing verdict too, so that nothing releases it any more.

    Raises:
        ScanRefused: a verdict does not pass.
        TagMoved: the commit's tag names another candidate. Unreachable: the registry.
    """
    if facts:
        refuse_failing(verdicts)
    statements = statements_of(candidate, scanned, verdicts, facts)
    await act(
        "candidate signed",
        "sign",
        lambda: asyncio.to_thread(_sign, tier, candidate, tag, statements),
    )
    refuse_failing(verdicts)


def _sign(tier: BuildTier, candidate: Candidate, tag: str, statements: Sequence[Statement]) -> None:
    envelopes = [seal(statement.payload(), IN_TOTO, tier.key) for statement in statements]
    with tier.registry() as registry:
        push_candidate(registry, candidate, tag)
        push_attestations(registry, candidate.reference, envelopes)


def statements_of(
    candidate: Candidate,
    scanned: Mapping[str, Scanned],
    verdicts: Sequence[Verdict],
    facts: BuildFacts | None,
) -> list[Statement]:
    """Provenance where the candidate is new, then SBOM and verdict of each scanned image. Pure."""
    images = candidate.images
    return [
        *([provenance(candidate, facts)] if facts else []),
        *(sbom(images[name], scan.sbom) for name, scan in scanned.items()),
        *(scan_verdict(images[verdict.image], verdict) for verdict in verdicts),
    ]


def build_facts(tier: BuildTier, planned: Sequence[PlannedImage], started: datetime) -> BuildFacts:
    """How the candidate was built, for its provenance."""
    bases = {base: found for image in planned for base, found in image.inputs.bases.items()}
    return BuildFacts(
        builder=str(tier.settings.builder_id),
        invocation=f"prefect-flow-run:{flow_run.id}" if flow_run.id else "local",
        started=started,
        finished=datetime.now(UTC),
        dependencies=tuple(
            Dependency(uri=f"docker-image://{base}", digest=found.rpartition("@")[2])
            for base, found in sorted(bases.items())
        ),
        tools=dict(engine_names(tier.engine)),
    )
