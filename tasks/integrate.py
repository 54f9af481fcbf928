"""What integrate ends with, and how two of its parts run at once."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from slipway.release import Frozen
from slipway.scan import Verdict

A = TypeVar("A")
B = TypeVar("B")


class Integrated(Frozen):
    """What became of a commit.

    Attributes:
        candidate: the one string that is handed over.
        images: name to reference by digest.
        built: names of the images that were built now.
        unchanged: nothing was built, pushed, scanned or signed.
    """

    candidate: str
    images: dict[str, str]
    verdicts: tuple[Verdict, ...]
    built: tuple[str, ...] = ()
    unchanged: bool = False


class Previewed(Frozen):
    """What became of a commit that may not be released: no candidate.

    Attributes:
        built: names of the images, left in the engine of the agent.
    """

    verdicts: tuple[Verdict, ...]
    built: tuple[str, ...]


async def side_by_side(first: Awaitable[A], second: Awaitable[B]) -> tuple[A, B]:
    """Both results; both are waited for, so that nothing runs on after a failure."""
    one, other = await asyncio.gather(first, second, return_exceptions=True)
    if isinstance(one, BaseException):
        raise one
    if isinstance(other, BaseException):
        raise other
    return one, other
