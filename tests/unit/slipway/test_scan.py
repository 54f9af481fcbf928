"""The scan verdict: a pure judgement from tables, closed on every doubt (F7, N15)."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from slipway.canonical import canonical_json
from slipway.errors import ScanFailed, ScanRefused
from slipway.scan import Database, Finding, Report, judge, parse_verdict, refuse_failing
from slipway.scan_policy import ScanPolicy, Severity

CASES = yaml.safe_load((Path(__file__).parents[2] / "cases" / "scan.yaml").read_text())
TODAY = date(2026, 6, 15)
DIGEST = "sha256:" + "a" * 64


def finding(text):
    """`HIGH CVE-1 fixed` or `HIGH CVE-1`."""
    severity, name, *fixed = text.split()
    return Finding(
        id=name,
        package="zlib",
        installed="1.0",
        fixed="1.1" if fixed else None,
        severity=Severity(severity),
    )


def report(case):
    updated = datetime.combine(case.get("database", TODAY), datetime.min.time(), tzinfo=UTC)
    return Report(
        image="web",
        digest=DIGEST,
        scanner="trivy 0.76.0",
        database=Database(
            name="trivy-db", version="2", updated=updated, demo=case.get("demo", False)
        ),
        packages=case.get("packages", 40),
        findings=tuple(finding(text) for text in case.get("findings", [])),
    )


def policy(case):
    value = dict(case.get("policy", {}))
    value["suppressions"] = [
        {"owner": "team", "reason": "not reached", "image": "web"} | suppression
        for suppression in value.get("suppressions", [])
    ]
    return ScanPolicy.model_validate(value, strict=False)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_judges(case):
    verdict = judge(report(case), policy(case), TODAY)
    assert list(verdict.reasons) == case.get("reasons", [])
    assert list(verdict.warnings) == case.get("warnings", [])
    assert verdict.passed is not bool(case.get("reasons"))
    assert len(verdict.suppressed) == case.get("suppressed", 0)


def test_a_verdict_is_read_back():
    case = next(case for case in CASES if case.get("suppressed"))
    verdict = judge(report(case), policy(case), TODAY)
    assert parse_verdict(canonical_json(verdict.model_dump(mode="json"))) == verdict


def test_a_verdict_names_what_it_stands_on():
    verdict = judge(report({}), policy({}), TODAY)
    other = judge(report({}), policy({"policy": {"fixed_only": False}}), TODAY)
    assert (verdict.digest, verdict.scanner, verdict.judged) == (DIGEST, "trivy 0.76.0", TODAY)
    assert verdict.policy != other.policy


def test_a_failing_verdict_is_refused_with_its_reasons():
    failing = judge(report({"findings": ["HIGH CVE-1 fixed"]}), policy({}), TODAY)
    with pytest.raises(ScanRefused, match="scan of web does not pass") as refused:
        refuse_failing([judge(report({}), policy({}), TODAY), failing])
    assert refused.value.evidence == ("web: HIGH CVE-1 in zlib 1.0 (fixed in 1.1)",)


def test_the_scanner_cannot_write_to_the_terminal():
    """G5: what a scanner says is shown without control characters."""
    told = Finding(
        id="CVE-1\x1b[31m", package="a\nb", installed="\r1", severity=Severity.LOW, title="\u202e"
    )
    assert str(told).isprintable()


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"version": 1}', b"\xff"])
def test_refuses_what_is_no_verdict(data):
    with pytest.raises(ScanFailed):
        parse_verdict(data)


@given(
    st.lists(st.sampled_from(["CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN"]), max_size=6),
    st.sets(st.sampled_from(list(Severity))),
    st.booleans(),
)
def test_it_passes_only_where_nothing_of_the_policy_is_found(found, severities, fixed_only):
    case = {
        "findings": [f"{severity} CVE-{n}" for n, severity in enumerate(found)],
        "policy": {"severities": sorted(severities), "fixed_only": fixed_only},
    }
    verdict = judge(report(case), policy(case), TODAY)
    blocks = not fixed_only and any(Severity(severity) in severities for severity in found)
    assert verdict.passed is not blocks
