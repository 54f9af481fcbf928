"""Taking secrets and control characters out of what is kept. Pure."""

import re
from collections.abc import Iterable, Sequence

MASK = "(masked)"
SHORTEST = 4
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")


def redact(lines: Iterable[str], values: Sequence[str]) -> list[str]:
    """The lines without the values and without control characters.

    Values shorter than four characters are left: they would mask ordinary text.
    """
    secrets = sorted({v for v in values if len(v) >= SHORTEST}, key=len, reverse=True)
    cleaned = []
    for line in lines:
        text = line
        for secret in secrets:
            text = text.replace(secret, MASK)
        cleaned.append(_CONTROL.sub("", text)[:2000])
    return cleaned
