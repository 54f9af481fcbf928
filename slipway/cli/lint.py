"""`slipway lint`: numbered rules over a project that Slipway releases."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from slipway.cli.options import Json
from slipway.errors import BadInput, Refused
from slipway.lint import Finding, rules
from slipway.lint import lint as find
from slipway.lint.sarif import sarif
from slipway.terminal import emit_json, out, table


def lint(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files and folders; the current folder by default.")
    ] = None,
    show_rules: Annotated[bool, typer.Option("--rules", help="List the rules.")] = False,
    json: Json = False,
    as_sarif: Annotated[
        bool, typer.Option("--sarif", help="Print SARIF 2.1.0, for code hosts and editors.")
    ] = False,
) -> None:
    """Find crossings of secret tiers and other mistakes. Exit code 3 where a rule is broken."""
    if as_sarif and (json or show_rules):
        raise BadInput("--sarif stands alone", found="another form", allowed="one form of output")
    if show_rules:
        _print_rules(as_json=json)
        return
    findings = find(paths or [Path()])
    if as_sarif:
        emit_json(sarif(findings, rules(), version("slipway")))
    elif json:
        emit_json([finding.model_dump(mode="json") for finding in findings])
    else:
        _print_findings(findings)
    if findings:
        raise typer.Exit(Refused.exit_code)


def _print_findings(findings: list[Finding]) -> None:
    for finding in findings:
        out().print(str(finding), markup=False)
    count = len(findings)
    out().print("no findings" if not count else f"{count} finding{'s' * (count > 1)}")


def _print_rules(*, as_json: bool) -> None:
    if as_json:
        emit_json([{"id": rule.id, "title": rule.title, "fix": rule.fix} for rule in rules()])
        return
    rows = [(rule.id, rule.title, rule.fix) for rule in rules()]
    out().print(table("", ["rule", "must hold", "instead"], rows))
