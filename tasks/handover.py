"""What integrate leaves behind: files for Jenkins, artifacts for people."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prefect.artifacts import acreate_markdown_artifact

from blocks.build_tier import BuildTier
from blocks.scanners.trivy import Scanned
from slipway.candidate import Candidate
from slipway.names import Reference
from slipway.scan import Verdict
from tasks import reports
from tasks.integrate import Integrated
from tasks.junit import REPORT
from tasks.known import Known
from tasks.notes import note
from tasks.push import Tags, tag_all
from tasks.server import best_effort

FAILURE = "failure.json"
FILES = (
    *("image-digest.env", "trivy-report.json", "sbom-*.cdx.json", "junit-*.xml"),
    *(REPORT, FAILURE),
)


@dataclass(frozen=True, slots=True)
class Output:
    """The folder that Jenkins archives."""

    folder: Path

    def clear(self) -> None:
        """Remove what an earlier run left, so that nothing old is archived as new."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for pattern in FILES:
            for path in self.folder.glob(pattern):
                path.unlink()

    def write(self, name: str, text: str) -> None:
        """One file."""
        (self.folder / name).write_text(text)

    def scans(self, app: str, scanned: Mapping[str, Scanned], verdicts: Sequence[Verdict]) -> None:
        """`trivy-report.json`, and an SBOM of each scanned image."""
        raw = {name: json.loads(scan.raw) for name, scan in scanned.items()}
        report = reports.merged_report(app, raw, verdicts)
        self.write("trivy-report.json", json.dumps(report, indent=1))
        for name, scan in scanned.items():
            self.write(f"sbom-{name}.cdx.json", json.dumps(scan.sbom, indent=1))


async def hand_over_unchanged(
    tier: BuildTier, candidate: Candidate, known: Known, tags: Tags, output: Output
) -> Integrated:
    """The files of a run that had nothing to do."""
    verdicts = [known.verdicts[name] for name in candidate.images]
    note(f"unchanged: nothing built, pushed or scanned for {candidate.reference}")
    output.write("junit-unchanged.xml", reports.unchanged_tests(str(candidate.reference)))
    output.scans(candidate.app, {}, verdicts)
    await tag_all(tier, candidate, tags)
    output.write("image-digest.env", reports.digest_lines(candidate))
    return _integrated(candidate, verdicts, (), unchanged=True)


async def hand_over(
    tier: BuildTier,
    candidate: Candidate,
    known: Known,
    fresh: Sequence[Verdict],
    built: Sequence[str],
    tags: Tags,
    output: Output,
) -> Integrated:
    """The files, tags and artifacts of a run that made or judged something."""
    await tag_all(tier, candidate, tags)
    sizes = await _image_sizes(tier, candidate.images)
    await _publish("candidate", candidate.app, reports.candidate_page(candidate, sizes))
    output.write("image-digest.env", reports.digest_lines(candidate))
    verdicts = {**known.verdicts, **{verdict.image: verdict for verdict in fresh}}
    return _integrated(candidate, [verdicts[name] for name in candidate.images], built)


async def show_verdicts(
    app: str, scanned: Mapping[str, Scanned], verdicts: Sequence[Verdict], output: Output
) -> None:
    """Write and show what the scans said, whether they pass or not."""
    output.scans(app, scanned, verdicts)
    await _publish("scan", app, reports.scan_page(app, verdicts))


def _integrated(
    candidate: Candidate,
    verdicts: Sequence[Verdict],
    built: Sequence[str],
    *,
    unchanged: bool = False,
) -> Integrated:
    return Integrated(
        candidate=str(candidate.reference),
        images={name: str(image) for name, image in candidate.images.items()},
        verdicts=tuple(verdicts),
        built=tuple(built),
        unchanged=unchanged,
    )


async def _publish(kind: str, app: str, page: str) -> None:
    """An artifact under the app's own key, so that its history is the app's."""
    async with best_effort(f"{kind} artifact"):
        await acreate_markdown_artifact(key=f"{kind}--{app}", markdown=page)


async def _image_sizes(tier: BuildTier, images: Mapping[str, Reference]) -> dict[str, int]:
    """Bytes of each image's layers as they are in the registry."""

    def read() -> dict[str, int]:
        with tier.registry() as registry:
            return {
                name: sum(layer.size for layer in registry.manifest(i.path, i.digest).layers)
                for name, i in images.items()
            }

    return await asyncio.to_thread(read)
