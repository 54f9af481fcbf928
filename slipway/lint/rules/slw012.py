"""SLW012: credentials that anybody with the repository can use. Only unmistakable forms."""

import re
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.source import ALL, Project, Source

_FORMS = {
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)(?!IOSFODNN7EXAMPLE)[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}\b"),
    "a GitLab token": re.compile(r"\bglpat-[A-Za-z0-9_-]{20}\b"),
    "a Slack token": re.compile(r"\bxox[abprs]-[0-9]{8,}-[A-Za-z0-9-]{10,}"),
    "a Prefect API key": re.compile(r"\bpn[ub]_[A-Za-z0-9]{36}\b"),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----(?:\\n|\s*$)"),
    "a password in a URL": re.compile(
        r"\b[a-z][a-z0-9+]*://[^/\s:@\"'{}$<>]+:(?!(?:password|pass|secret|changeme|x+|\*+|(?:my|your)[-_]\w+)@)"
        r"[^/\s:@\"'{}$<>]{8,}@[a-z0-9-]+\.[a-z]",
        re.IGNORECASE,
    ),
}


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    for number, line in source.lines:
        for what, form in _FORMS.items():
            if form.search(line):
                yield Hit(number, f"{what} in the repository")


RULE = Rule(
    id="SLW012",
    title="No credentials in files",
    fix="revoke it, then read it from a secret source",
    kinds=ALL,
    check=_check,
)
