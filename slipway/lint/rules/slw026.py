"""SLW026: PREFECT_API_KEY wins over the auth string, and one's own server answers 401 (S0-21)."""

import re
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.source import Kind, Project, Source

_URL = re.compile(r"PREFECT_API_URL[\"']?\s*[=:,]?\s*[\"']?(https?://[^\s\"'/]+)")
_KEY = re.compile(r"(?:^|[\s\"'{])PREFECT_API_KEY[\"']?\s*[=:]\s*[\"']?(?=[^\s\"',}])")


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    lines = [(n, line) for n, line in source.lines if not line.lstrip().startswith(("#", "//"))]
    own = [url for _, line in lines for url in _URL.findall(line) if "prefect.cloud" not in url]
    cloud = any("prefect.cloud" in line for _, line in lines)
    if own and not cloud:
        for number, line in lines:
            if _KEY.search(line):
                yield Hit(number, f"PREFECT_API_KEY for {own[0][:60]}, which is not Prefect Cloud")


RULE = Rule(
    id="SLW026",
    title="PREFECT_API_KEY is for Prefect Cloud",
    fix="PREFECT_API_AUTH_STRING for a server of one's own",
    kinds=frozenset(Kind) - {Kind.PYTHON, Kind.TEXT, Kind.APPFILE},
    check=_check,
)
