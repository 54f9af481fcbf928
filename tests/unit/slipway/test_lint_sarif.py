"""Findings as SARIF 2.1.0."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from slipway.cli.main import app
from slipway.lint import Finding, rules
from slipway.lint.sarif import sarif

TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
# What sections 3.13 to 3.52 of the format ask of the objects that are written here.
LOG = {
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "required": ["driver"],
                        "properties": {"driver": {"$ref": "#/driver"}},
                    },
                    "results": {"type": "array", "items": {"$ref": "#/result"}},
                },
            },
        },
    },
    "driver": {
        "required": ["name"],
        "properties": {
            "rules": {
                "uniqueItems": True,
                "items": {
                    "required": ["id"],
                    "properties": {"shortDescription": TEXT, "help": TEXT},
                },
            }
        },
    },
    "result": {
        "required": ["message"],
        "properties": {
            "ruleId": {"pattern": r"^SLW\d{3}$"},
            "ruleIndex": {"type": "integer", "minimum": -1},
            "level": {"enum": ["none", "note", "warning", "error"]},
            "message": TEXT,
            "partialFingerprints": {"additionalProperties": {"type": "string"}},
            "locations": {
                "items": {
                    "properties": {
                        "physicalLocation": {
                            "required": ["artifactLocation"],
                            "properties": {
                                "artifactLocation": {
                                    "properties": {"uri": {"pattern": "^[!-~]+$"}}
                                },
                                "region": {
                                    "properties": {"startLine": {"type": "integer", "minimum": 1}}
                                },
                            },
                        }
                    }
                }
            },
        },
    },
}


def finding(line: int = 3, path: str = "a b/ü.sh") -> Finding:
    return Finding(path=path, line=line, rule="SLW017", message="a password", fix="over stdin")


def test_log_has_what_the_format_asks() -> None:
    """N05: with findings and without, each result at its rule."""
    for findings in ([], [finding(), finding(9, "Jenkinsfile")]):
        log = sarif(findings, rules(), "1.2.3")
        jsonschema.validate(log, LOG)
        (run,) = log["runs"]
        told = [run["tool"]["driver"]["rules"][item["ruleIndex"]]["id"] for item in run["results"]]
        assert told == [item["ruleId"] for item in run["results"]]


def test_path_is_a_reference_and_the_line_a_region() -> None:
    location = place(sarif([finding()], rules(), "1"))
    assert location["artifactLocation"] == {"uri": "a%20b/%C3%BC.sh", "uriBaseId": "%SRCROOT%"}
    assert location["region"] == {"startLine": 3}


def place(log: dict[str, Any]) -> Any:
    return log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]


def test_finding_that_moved_is_the_same_finding() -> None:
    """A code host keeps what was said of it."""
    prints = [
        sarif([item], rules(), "1")["runs"][0]["results"][0]["partialFingerprints"]
        for item in (finding(), finding(line=9), finding(path="b.sh"))
    ]
    assert prints[0] == prints[1] != prints[2]


def test_command_prints_sarif_and_ends_with_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    clean = runner.invoke(app, ["lint", "--sarif"])
    assert clean.exit_code == 0
    Path("a.sh").write_text("docker login -p $PASSWORD\n")
    found = runner.invoke(app, ["lint", "--sarif"])
    assert found.exit_code == 3
    for output in (clean.stdout, found.stdout):
        jsonschema.validate(json.loads(output), LOG)
    assert place(json.loads(found.stdout))["artifactLocation"]["uri"] == "a.sh"


def test_one_form_of_output_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["lint", "--sarif", "--json"])
    assert result.exit_code == 2
    assert "--sarif stands alone" in result.stderr
