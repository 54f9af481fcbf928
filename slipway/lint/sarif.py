"""Findings as SARIF 2.1.0, the form that code hosts and editors read.

Format: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.
"""

import hashlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from slipway.lint.finding import Finding, Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
UNREADABLE = "SLW000"


def sarif(findings: Sequence[Finding], rules: Sequence[Rule], version: str) -> dict[str, Any]:
    """One run as a SARIF log; every rule is listed, so that a clean run says what it looked for."""
    known = [UNREADABLE, *(rule.id for rule in rules)]
    driver = {
        "name": "slipway",
        "semanticVersion": version,
        "rules": [_unreadable(), *(_descriptor(rule) for rule in rules)],
    }
    results = [_result(finding, known.index(finding.rule)) for finding in findings]
    run = {"tool": {"driver": driver}, "columnKind": "utf16CodeUnits", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _unreadable() -> dict[str, Any]:
    return {
        "id": UNREADABLE,
        "shortDescription": {"text": "Files can be parsed, suppressions have not run out"},
        "help": {"text": "mend the syntax, or say anew why and until when"},
        "defaultConfiguration": {"level": "error"},
    }


def _descriptor(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "help": {"text": rule.fix},
        "defaultConfiguration": {"level": "error"},
    }


def _result(finding: Finding, index: int) -> dict[str, Any]:
    location = {
        "artifactLocation": {"uri": quote(finding.path), "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": finding.line},
    }
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": "error",
        "message": {"text": f"{finding.message}. Instead: {finding.fix}"},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"slipwayFinding/v1": _fingerprint(finding)},
    }


def _fingerprint(finding: Finding) -> str:
    """The same for a finding that only moved to another line."""
    told = f"{finding.rule}\n{finding.path}\n{finding.message}"
    return hashlib.sha256(told.encode()).hexdigest()[:32]
