"""docs/analysis.md tells what is done: its example, its table, its messages (N19)."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from blocks.analysis.checks import Outcome
from blocks.analysis.run import red
from slipway.analysis import Verdict
from slipway.analysis_share import needed
from slipway.appfile import parse
from slipway.appfile_analysis import specification
from slipway.errors import BadInput
from slipway.explanations import explain

DOC = (Path(__file__).parents[3] / "docs" / "analysis.md").read_text()
(EXAMPLE,) = re.findall(r"```yaml\n(.*?)```", DOC, re.DOTALL)
REFUSED, FAILED = re.findall(r"```text\n(.*?)```", DOC, re.DOTALL)
CHECKS = parse(EXAMPLE.encode()).environments["prod"].analysis


def test_the_example_names_one_check_of_each_kind():
    made = specification(CHECKS)
    assert made
    assert [check.kind for check in made.checks] == ["http", "synthetic", "prometheus"]


@pytest.mark.parametrize(
    ("share", "none", "one"), re.findall(r'\| `"(0\.\d+)"` \| (\d+) \| (\d+) \|', DOC)
)
def test_the_table_says_how_many_requests(share, none, one):
    found = [needed(errors, 0, Decimal(share)) for errors in (0, 1)]
    assert found == [int(none), int(one)]


def test_the_refusal_is_what_is_said():
    with pytest.raises(BadInput) as refused:
        parse(EXAMPLE.replace("requests: 300", "requests: 100").encode())
    assert [*refused.value.evidence] == REFUSED.splitlines()


def test_the_explanation_is_what_is_said():
    said, allowed = re.findall(r"found: (.*?); allowed: (.*)\n", FAILED)[0]
    outcome = Outcome(Verdict.FAIL, said, allowed, {})
    made = specification(CHECKS)
    assert made
    error = red(made.checks[1], outcome, [re.findall(r"evidence: (.*)", FAILED)[0]])
    assert explain(error, "analyse").lines() == FAILED.splitlines()


def test_the_verdicts_are_those_that_there_are():
    assert re.findall(r"^\| `([a-z-]+)` \| .*\| .*\|$", DOC, re.MULTILINE) == [
        str(v) for v in Verdict
    ]
