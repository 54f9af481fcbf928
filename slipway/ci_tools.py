"""Which programs a CI agent needs, and whether a version is new enough. Pure."""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from slipway.errors import BadInput
from slipway.release import Frozen

Version = tuple[int, ...]
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9}){1,3}")
_ANYWHERE = r"(\d{1,9}(?:\.\d{1,9}){1,3})"


def parse_version(text: str) -> Version:
    """Numbers of a dotted version.

    Raises:
        BadInput: it is none.
    """
    if not _NUMBER.fullmatch(text):
        raise BadInput("not a version", found=ascii(text[:40]), allowed="numbers and dots")
    return tuple(map(int, text.split(".")))


def _check_version(text: str) -> str:
    parse_version(text)
    return text


class Way(Frozen):
    """One program that would do.

    Attributes:
        ask: the program and its arguments.
        version: pattern whose first group is the version in what it prints.
    """

    ask: Annotated[tuple[str, ...], Field(min_length=1)]
    at_least: Annotated[str, AfterValidator(_check_version)]
    version: str = _ANYWHERE


class Tool(Frozen):
    """Something that an agent needs, always or where it `deploys` with it.

    Attributes:
        denied: versions that were reported malicious.
    """

    name: str
    ways: Annotated[tuple[Way, ...], Field(min_length=1)]
    install: str
    path_in: str | None = None
    deploys: bool = False
    denied: frozenset[str] = frozenset()


def told_version(way: Way, printed: str) -> str | None:
    """The version in what a program printed, None where it tells none."""
    match = re.search(way.version, printed)
    return match[1] if match else None


def is_new_enough(found: str, at_least: str) -> bool:
    """Compare by number; missing numbers count as 0."""
    pair = [parse_version(found), parse_version(at_least)]
    longest = max(map(len, pair))
    one, other = (version + (0,) * (longest - len(version)) for version in pair)
    return one >= other


def needed_tools(tools: Sequence[Tool], deploys_with: Iterable[str]) -> frozenset[str]:
    """Names of the tools without which this agent does not work.

    Raises:
        BadInput: one of `deploys_with` is no tool that is deployed with.
    """
    optional = {tool.name for tool in tools if tool.deploys}
    wanted = set(deploys_with)
    if unknown := sorted(wanted - optional):
        raise BadInput(
            "an agent does not deploy with that",
            found=", ".join(ascii(name[:40]) for name in unknown),
            allowed=", ".join(sorted(optional)),
        )
    return frozenset({tool.name for tool in tools} - optional | wanted)
