"""SLW013: `pipefail` in a plain `sh` ends the script where sh is dash, as on Debian (S2-44)."""

import re
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.source import Kind, Project, Source

_STEP = re.compile(r"\bsh\b\s*(?:\(\s*)?(?:script\s*:\s*)?('''|\"\"\"|'|\")")
_OPTION = re.compile(r"^\s*set\s+(?:-[a-z]*\s+)*-[a-z]*o\s+pipefail", re.MULTILINE)
_PLAIN = re.compile(r"#!\s*(?:/usr)?/bin/(?:env\s+)?(?:sh|dash)\b")


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    if source.kind is Kind.SHELL:
        if _PLAIN.match(source.text):
            yield from _hits(source.text, 0, len(source.text))
        return
    for match in _STEP.finditer(source.text):
        start, end = match.end(), source.text.find(match[1], match.end())
        if end >= 0 and not source.text[start:end].lstrip("\\\n ").startswith("#!"):
            yield from _hits(source.text, start, end)


def _hits(text: str, start: int, end: int) -> Iterator[Hit]:
    for match in _OPTION.finditer(text[start:end]):
        place = start + match.end()
        yield Hit(text.count("\n", 0, place) + 1, "pipefail in a shell that may not know it")


RULE = Rule(
    id="SLW013",
    title="No pipefail in plain sh",
    fix="begin the script with #!/bin/bash, or do without the pipe",
    kinds=frozenset({Kind.JENKINSFILE, Kind.SHELL}),
    check=_check,
)
