"""Reports of several test commands become one, and nothing hostile is read."""

from xml.etree import ElementTree as ET

import pytest

from slipway.errors import BadInput
from tasks.junit import merge_reports

ONE = b'<?xml version="1.0"?><testsuites><testsuite tests="2" failures="1" name="a"/></testsuites>'
TWO = b'<testsuite tests="3" skipped="1" errors="x"><testcase name="t"/></testsuite>'


def test_suites_of_all_reports_are_in_one_with_their_counts() -> None:
    """S2-08, S2-10."""
    merged = ET.fromstring(merge_reports([ONE, TWO]))  # noqa: S314 - our own
    assert [suite.tag for suite in merged] == ["testsuite", "testsuite"]
    assert merged.attrib == {"tests": "5", "failures": "1", "errors": "0", "skipped": "1"}
    assert merged.find("testsuite/testcase") is not None


def test_output_in_a_report_may_hold_anything() -> None:
    report = b"<testsuite><system-out><![CDATA[<b> & <script>]]></system-out></testsuite>"
    merged = ET.fromstring(merge_reports([report]))  # noqa: S314 - our own
    assert merged.findtext("testsuite/system-out") == "<b> & <script>"


@pytest.mark.parametrize(
    "report",
    [
        b"",
        b"<testsuite>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><testsuite/>',
        b"<testsuite/>" + b" " * (32 * 1024 * 1024),
    ],
)
def test_what_is_no_report_is_refused(report: bytes) -> None:
    with pytest.raises(BadInput, match="JUnit report"):
        merge_reports([report])
