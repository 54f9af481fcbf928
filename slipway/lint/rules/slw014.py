"""SLW014: what is fetched while building must be what was meant (supply chain, F9)."""

import re
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.source import Kind, Project, Source

_PIPED = re.compile(r"\b(?:curl|wget)\b[^|;&]*\|\s*(?:sudo\s+)?(?:ba|da|z)?sh\b")


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    if source.kind is Kind.DOCKERFILE:
        for item in source.instructions:
            remote = item.keyword == "ADD" and any(_is_remote(word) for word in item.words[:-1])
            if remote and "--checksum=" not in item.rest:
                yield Hit(item.line, "ADD of a URL without its checksum")
            if item.keyword == "RUN" and _PIPED.search(item.rest):
                yield Hit(item.line, "runs what a server answers, whatever that is")
        return
    for number, line in source.lines:
        if _PIPED.search(line) and not line.lstrip().startswith(("#", "//")):
            yield Hit(number, "runs what a server answers, whatever that is")


def _is_remote(word: str) -> bool:
    return word.startswith(("http://", "https://", "git@"))


RULE = Rule(
    id="SLW014",
    title="Downloads are checked before they are used",
    fix="ADD --checksum=sha256:..., or download, compare the digest, then run",
    kinds=frozenset({Kind.DOCKERFILE, Kind.SHELL, Kind.JENKINSFILE}),
    check=_check,
)
