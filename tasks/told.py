"""How a flow ends red: with an explanation as its state, never with somebody else's text."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

from slipway.errors import SlipwayError
from tasks.steps import explained, unexpected

P = ParamSpec("P")
T = TypeVar("T")


def told(story: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Wrap a flow's function: an error becomes a Failed state that explains it.

    A caller of the flow still gets the error itself. Of an error outside Slipway's tree only the
    type and the place are told, since its text may hold anything.
    """

    @functools.wraps(story)
    async def tell(*arguments: P.args, **parameters: P.kwargs) -> Any:
        try:
            return await story(*arguments, **parameters)
        except SlipwayError as error:
            return explained(error, story.__name__)
        except Exception as error:  # noqa: BLE001 - its text must not reach the server
            return unexpected(error)

    return tell
