"""The rules, each on its good and bad cases; reading, suppressing and telling."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from slipway.errors import BadInput
from slipway.lint import Finding, lint, rules
from slipway.lint.config import CONFIG, LintConfig, parse_config
from slipway.lint.dockerfile import parse_dockerfile, stages
from slipway.lint.run import judge
from slipway.lint.source import Kind, Source, kind_of

TODAY = date(2026, 11, 21)
CASES = {path.stem: yaml.safe_load(path.read_text()) for path in Path("tests/cases/lint").iterdir()}
GOOD = [(rule, case) for rule, cases in CASES.items() for case in cases["good"]]
BAD = [(rule, case) for rule, cases in CASES.items() for case in cases["bad"]]


def name(case: Any) -> str:
    return case if isinstance(case, str) else str(case["name"])


def source(path: str, text: str) -> Source:
    kind = kind_of(path)
    assert kind
    return Source(path, kind, text)


def findings(case: dict[str, Any]) -> list[Finding]:
    sources = [source(case["file"], case["text"])]
    sources += [source(path, text) for path, text in case.get("also", {}).items()]
    return judge(sources, LintConfig(), TODAY)


@pytest.mark.parametrize(("rule", "case"), BAD, ids=name)
def test_bad_case_is_found_on_its_lines(rule: str, case: dict[str, Any]) -> None:
    """N05, G9, G11, F10, S2-37: each rule finds its cases at their lines, and says what to do."""
    found = [finding for finding in findings(case) if finding.rule == rule]
    assert [finding.line for finding in found] == case["lines"]
    assert all(finding.path == case["file"] and finding.fix for finding in found)


@pytest.mark.parametrize(("rule", "case"), GOOD, ids=name)
def test_good_case_is_left_alone(rule: str, case: dict[str, Any]) -> None:
    """Low false positives: what is right is not found."""
    assert [f for f in findings(case) if f.rule in {rule, "SLW000"}] == []


def test_every_rule_has_good_and_bad_cases_and_a_page() -> None:
    text = Path("docs/lint.md").read_text()
    assert sorted(CASES) == [rule.id for rule in rules()]
    assert all(cases["good"] and cases["bad"] for cases in CASES.values())
    rows = {row.split("|")[1].strip(): row for row in text.splitlines() if row.startswith("| SLW")}
    for rule in rules():
        _, _, title, kinds, fix, _ = (cell.strip() for cell in rows[rule.id].split("|"))
        assert (title, fix) == (rule.title, rule.fix)
        looked_at = set(Kind) if kinds == "all" else {Kind(kind) for kind in kinds.split(", ")}
        assert looked_at == rule.kinds


def test_secret_values_are_never_told() -> None:
    """G8: a finding names the thing, not its value."""
    key = "AKIA" + "ABCDEFGHIJKLMNOP"
    text = f"ENV DB_PASSWORD=hunter2\nENV X={key}\n"
    found = findings({"file": "Dockerfile", "text": "FROM a:1\nUSER 1\n" + text})
    assert {finding.rule for finding in found} == {"SLW003", "SLW012"}
    assert "hunter2" not in str(found)
    assert key not in str(found)


def test_own_tree_is_clean() -> None:
    """N05, S2-37, S3-24: the rules hold for this project."""
    assert [str(finding) for finding in lint([Path()])] == []


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a/Dockerfile", Kind.DOCKERFILE),
        ("Dockerfile.web", Kind.DOCKERFILE),
        ("dockerfile.py", Kind.PYTHON),
        ("Jenkinsfile.release", Kind.JENKINSFILE),
        ("slipway.yaml", Kind.APPFILE),
        (".env.prod", Kind.TEXT),
        ("image.png", None),
        ("Makefile", None),
    ],
)
def test_kind_is_told_by_the_name(path: str, kind: Kind | None) -> None:
    assert kind_of(path) == kind


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text("FROM python:latest\nUSER 1\n")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "Dockerfile").write_text("FROM python:latest\n")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "a.py").write_text("import os\nos.system('x')\n")
    return tmp_path


def test_paths_are_told_relative_to_the_project(project: Path) -> None:
    """What is installed beside the project is not looked at."""
    assert [finding.path for finding in lint([project], project, TODAY)] == ["Dockerfile"]
    assert len(lint([project / "Dockerfile", project], project, TODAY)) == 1


def suppress(project: Path, **changes: str) -> None:
    item = {
        "rule": "SLW001",
        "path": "Dockerfile",
        "owner": "shop",
        "reason": "the base is our own and rebuilt daily",
        "expires": "2026-11-21",
    }
    chosen = {key: value for key, value in {**item, **changes}.items() if value}
    (project / CONFIG).write_text(yaml.safe_dump({"suppressions": [chosen]}))


def test_suppression_counts_until_the_end_of_its_day(project: Path) -> None:
    suppress(project)
    assert lint([project], project, TODAY) == []
    late = lint([project], project, date(2026, 11, 22))
    assert [finding.rule for finding in late] == ["SLW000", "SLW001"]
    assert "suppression of SLW001 in Dockerfile ran out 2026-11-21" in str(late[0])


@pytest.mark.parametrize("changes", [{"rule": "SLW002"}, {"path": "other/*"}])
def test_suppression_covers_only_what_it_names(project: Path, changes: dict[str, str]) -> None:
    suppress(project, **changes)
    assert [finding.rule for finding in lint([project], project, TODAY)] == ["SLW001"]


@pytest.mark.parametrize("missing", ["owner", "reason", "expires", "rule", "path"])
def test_suppression_needs_owner_reason_and_expiry(project: Path, missing: str) -> None:
    suppress(project, **{missing: ""})
    with pytest.raises(BadInput, match=rf"suppressions\[0\]\.{missing}"):
        lint([project], project, TODAY)


def test_excluded_files_are_not_read(project: Path) -> None:
    (project / CONFIG).write_text("exclude: ['Dockerfile']\n")
    assert lint([project], project, TODAY) == []


def test_unknown_key_in_the_configuration_is_refused() -> None:
    with pytest.raises(BadInput, match="ignore"):
        parse_config(b"ignore: [SLW001]\n")


def test_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nothing to lint there"):
        lint([tmp_path / "none"], tmp_path, TODAY)


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [("a.yaml", "a: 1\nb: [\n", 3), ("a.py", "x = 1\ndef\n", 2), ("prefect.yaml", "a: *b\n", 1)],
)
def test_file_that_cannot_be_parsed_is_a_finding(path: str, text: str, line: int) -> None:
    """Fails closed: what cannot be read is not called clean."""
    (found,) = judge([source(path, text)], LintConfig(), TODAY)
    assert (found.rule, found.line) == ("SLW000", line)


def test_template_of_yaml_is_read_as_text() -> None:
    """A chart's template is no YAML yet; rules on lines still hold."""
    text = "{{- if .x }}\na: {{ .y }}\n{{- end }}\nrole: arn:aws:iam::{}:role/x\n".replace(
        "{}", "210987654321"
    )
    (found,) = judge([source("templates/a.yaml", text)], LintConfig(), TODAY)
    assert (found.rule, found.line) == ("SLW010", 4)


@given(st.sampled_from(sorted({case["file"] for _, case in GOOD + BAD})), st.text(max_size=300))
def test_any_text_ends_in_findings(path: str, text: str) -> None:
    """G3: no input, however odd, ends in anything but findings."""
    for finding in judge([source(path, text)], LintConfig(), TODAY):
        assert re.fullmatch(r"SLW\d{3}", finding.rule)
        assert 1 <= finding.line <= len(text) + 2


def test_stages_follow_their_bases() -> None:
    text = "FROM a:1 AS one\nUSER 1\nFROM one AS two\nFROM 0\nFROM two\n"
    found = stages(parse_dockerfile(text))
    assert [len(stage.chain) for stage in found] == [0, 1, 1, 2]
    user = found[-1].last("USER")
    assert user
    assert user.line == 2


def test_anchor_may_be_set_again() -> None:
    """YAML allows it; a file that does is read as any other."""
    text = "a: &x 1\nb: &x 2\nc: *x\nprivileged: true\n"
    (found,) = judge([source("a.yaml", text)], LintConfig(), TODAY)
    assert (found.rule, found.line) == ("SLW015", 4)
