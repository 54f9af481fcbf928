"""Reads Trivy's JSON report and the facts of its advisory database. Pure, fails closed.

Source: Trivy's report schema version 2 and the metadata file of trivy-db version 2.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from slipway.canonical import JsonObject
from slipway.errors import ScanFailed
from slipway.explanations import printable
from slipway.names import Reference
from slipway.scan import Database, Finding, Report
from slipway.scan_policy import Severity

SCHEMA = 2
PUBLIC_DATABASE = "trivy-db"


@dataclass(frozen=True, slots=True)
class Findings:
    """What Trivy found in one image, before it is known under which digest it was pushed.

    Attributes:
        image_id: digest of the image's config; binds the report to the image that was built.
        packages: how many packages were recognised.
    """

    image_id: str
    scanner: str
    packages: int
    findings: tuple[Finding, ...]

    def report(self, image: str, pushed: Reference, database: Database) -> Report:
        """The same, bound to the digest under which the image is in the registry."""
        return Report(
            image=image,
            digest=pushed.digest,
            scanner=self.scanner,
            database=database,
            packages=self.packages,
            findings=self.findings,
        )


def parse_findings(data: bytes, image_id: str) -> Findings:
    """Trivy's report on the image with that id.

    Raises:
        ScanFailed: unreadable, of another schema, or of another image.
    """
    report = _object(data, "report")
    if report.get("SchemaVersion") != SCHEMA:
        raise _failed("of another schema", str(report.get("SchemaVersion")), f"schema {SCHEMA}")
    found = _at(report, "Metadata", "ImageID")
    if found != image_id:
        raise _failed("of another image", ascii(found), image_id)
    results = [result for result in report.get("Results") or [] if isinstance(result, dict)]
    packages = sum(len(result.get("Packages") or []) for result in results)
    try:
        findings = tuple(_findings(results))
    except (ValidationError, KeyError, TypeError, ValueError) as error:
        raise _failed("not readable", type(error).__name__, "Trivy's JSON") from error
    version = _at(report, "Trivy", "Version") or "unknown"
    return Findings(image_id, f"trivy {printable(str(version))[:40]}", packages, findings)


def parse_sbom(data: bytes) -> JsonObject:
    """A CycloneDX document.

    Raises:
        ScanFailed: it is something else.
    """
    document = _object(data, "SBOM")
    if document.get("bomFormat") != "CycloneDX" or not document.get("components"):
        raise _failed("no SBOM", ascii(document.get("bomFormat")), "CycloneDX with components")
    return document


def parse_database(metadata: bytes, label: bytes | None) -> Database:
    """The database's facts; `label` is the file that marks one made for the demo.

    Raises:
        ScanFailed: the metadata cannot be read.
    """
    facts = _object(metadata, "database metadata")
    mark = _object(label, "database label") if label is not None else {}
    try:
        return Database.model_validate(
            {
                "name": printable(str(mark.get("label", PUBLIC_DATABASE)))[:100],
                "version": str(facts["Version"]),
                "updated": facts["UpdatedAt"],
                "demo": bool(mark.get("demo", label is not None)),
            }
        )
    except (KeyError, ValidationError) as error:
        raise _failed("without database facts", type(error).__name__, "UpdatedAt") from error


def _findings(results: list[dict[str, Any]]) -> Iterator[Finding]:
    for result in results:
        for item in result.get("Vulnerabilities") or []:
            yield Finding(
                id=printable(item["VulnerabilityID"])[:80],
                package=printable(item["PkgName"])[:200],
                installed=printable(item["InstalledVersion"])[:200],
                fixed=printable(item.get("FixedVersion") or "")[:200] or None,
                severity=Severity(item.get("Severity", "UNKNOWN")),
                title=printable(item.get("Title") or "")[:200],
            )


def _object(data: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _failed(f"{what} not readable", type(error).__name__, "JSON") from error
    if not isinstance(value, dict):
        raise _failed(f"{what} not readable", type(value).__name__, "a JSON object")
    return value


def _at(value: object, *path: str) -> object:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _failed(how: str, found: str, allowed: str) -> ScanFailed:
    return ScanFailed(
        f"the scan proves nothing: {how}",
        found=found,
        allowed=allowed,
        next_step="run the scan again; nothing is released without one",
        stage="scan",
    )
