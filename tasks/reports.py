"""Reports of a run as data: what Jenkins archives and what people read. Pure."""

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import quoteattr

from slipway import markdown
from slipway.candidate import Candidate
from slipway.scan import Verdict

COLUMNS = ("Image", "Verdict", "Findings", "Suppressed", "Database", "Why")


def digest_lines(candidate: Candidate) -> str:
    """NAME=value lines that a shell or a pipeline reads."""
    lines = [f"CANDIDATE={candidate.reference}", f"REVISION={candidate.source.revision}"]
    for name, image in sorted(candidate.images.items()):
        lines.append(f"IMAGE_{name.upper().replace('-', '_')}={image}")
    return "".join(f"{line}\n" for line in lines)


def unchanged_tests(reference: str) -> str:
    """A JUnit report that says why no test ran."""
    why = quoteattr(f"unchanged: they passed before {reference} was signed")
    case = f'<testcase classname="slipway" name="unchanged"><skipped message={why}/></testcase>'
    suite = f'<testsuite name="slipway" tests="1" skipped="1">{case}</testsuite>'
    return f"<testsuites>{suite}</testsuites>\n"


def merged_report(
    app: str, reports: Mapping[str, dict[str, object]], verdicts: Sequence[Verdict]
) -> dict[str, object]:
    """One report in Trivy's shape: a single image's own, or the results of all of them.

    The key `Slipway` holds the verdicts; without new scans there are no results to show.
    """
    judged = [verdict.model_dump(mode="json") for verdict in verdicts]
    mark: dict[str, object] = {"Slipway": {"reused": not reports, "verdicts": judged}}
    if len(reports) == 1:
        return {**next(iter(reports.values())), **mark}
    results = [
        {**result, "Target": f"{name}: {result.get('Target', '')}"}
        for name, report in reports.items()
        for result in _results(report)
    ]
    known: dict[str, object] = {"SchemaVersion": 2, "ArtifactName": app, **mark}
    return {**known, "Results": results} if reports else known


def _results(report: Mapping[str, object]) -> list[dict[str, object]]:
    found = report.get("Results")
    return [r for r in found if isinstance(r, dict)] if isinstance(found, list) else []


def verdict_rows(verdicts: Sequence[Verdict]) -> list[tuple[str, ...]]:
    """One row for each image, in the order of COLUMNS."""
    return [
        (
            verdict.image,
            "passes" if verdict.passed else "FAILS",
            ", ".join(f"{n} {severity}" for severity, n in verdict.counts.items()) or "none",
            str(len(verdict.suppressed)),
            f"{verdict.database.name}, {verdict.database.updated:%Y-%m-%d}",
            "; ".join([*verdict.reasons, *verdict.warnings]),
        )
        for verdict in verdicts
    ]


def scan_page(app: str, verdicts: Sequence[Verdict]) -> str:
    """The verdicts for the UI."""
    return f"# Scan of {markdown.text(app)}\n\n{markdown.table(COLUMNS, verdict_rows(verdicts))}\n"


def candidate_page(candidate: Candidate, sizes: Mapping[str, int]) -> str:
    """The candidate for the UI: where it comes from, what it holds."""
    source = candidate.source
    facts = [
        ("Candidate", candidate.reference),
        ("Commit", source.revision),
        ("Author", source.author),
        ("Repository", source.repository),
    ]
    images = [
        (name, image, f"{sizes.get(name, 0) / 1e6:.1f} MB")
        for name, image in candidate.images.items()
    ]
    parts = [
        f"# {markdown.text(candidate.app)} {candidate.reference.short}",
        markdown.table(["", ""], facts),
        markdown.table(["Image", "Digest", "Size"], images),
    ]
    return "\n\n".join(parts) + "\n"
