"""JUnit reports of several test commands as the one file that a CI server reads. Pure."""

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from slipway.errors import BadInput

REPORT = "pytest-report.xml"
LARGEST = 32 * 1024 * 1024
_COUNTS = ("tests", "failures", "errors", "skipped")


def merge_reports(reports: Iterable[bytes]) -> str:
    """All test suites of the reports, with their counts added up.

    Raises:
        BadInput: a report is too large, is no XML, or defines entities.
    """
    suites = [suite for report in reports for suite in _suites(report)]
    totals = {name: str(sum(_count(suite, name) for suite in suites)) for name in _COUNTS}
    root = ET.Element("testsuites", totals)
    root.extend(suites)
    return ET.tostring(root, encoding="unicode") + "\n"


def _suites(report: bytes) -> list[ET.Element]:
    if len(report) > LARGEST or b"<!" in report.replace(b"<![CDATA[", b""):
        raise BadInput(
            "a JUnit report is not one that is read",
            found=f"{len(report)} bytes",
            allowed=f"XML without a document type, at most {LARGEST} bytes",
            stage="test",
        )
    try:
        root = ET.fromstring(report)  # noqa: S314 - without a document type there are no entities
    except ET.ParseError as error:
        raise BadInput("a JUnit report is no XML", found=str(error), stage="test") from None
    return [root] if root.tag == "testsuite" else root.findall("testsuite")


def _count(suite: ET.Element, name: str) -> int:
    text = suite.get(name, "0")
    return int(text) if text.isascii() and text.isdecimal() else 0
