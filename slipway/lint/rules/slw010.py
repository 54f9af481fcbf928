"""SLW010: real AWS account ids belong in configuration that is not published."""

import re
from collections.abc import Iterator

from slipway.lint.finding import Hit, Rule
from slipway.lint.source import ALL, Project, Source

_ACCOUNT = re.compile(
    r"arn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:(\d{12}):|"
    r"\b(\d{12})\.dkr\.ecr\.|"
    r"(?i:account[_ -]?id)[\"']?\s*[:=]\s*[\"']?(\d{12})\b"
)
# Ids that AWS's own documentation uses, and ids of one digit alone.
_EXAMPLES = {"123456789012", "111122223333", "444455556666", "777788889999", "012345678901"}


def _check(source: Source, project: Project) -> Iterator[Hit]:  # noqa: ARG001
    for number, line in source.lines:
        for match in _ACCOUNT.finditer(line):
            account = next(filter(None, match.groups()))
            if account not in _EXAMPLES and len(set(account)) > 1:
                yield Hit(number, f"AWS account id that ends in {account[-4:]}")


RULE = Rule(
    id="SLW010",
    title="No real AWS account ids",
    fix="use 123456789012 in examples, and configuration for the real one",
    kinds=ALL,
    check=_check,
)
