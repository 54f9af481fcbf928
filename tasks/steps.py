"""The engine's door into Prefect: every step is a task run that bears the step's name."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Failed

from slipway.errors import SlipwayError
from slipway.explanations import explain, printable

T = TypeVar("T")


@task(
    task_run_name="{step}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=0,
    description="One step of a release. Journaled in the ledger, so it is never retried blindly.",
)
async def step_task(step: str, act: Callable[[], Any]) -> Any:
    """Run the act in a thread. An error becomes a Failed state that explains, no traceback."""
    try:
        return await asyncio.to_thread(act)
    except SlipwayError as error:
        return explained(error, step)
    except Exception as error:  # noqa: BLE001 - its text must not reach the server
        return unexpected(error)


async def perform(name: str, act: Callable[[], T]) -> T:
    """The door of `slipway.execution.Perform`: the act's own error comes back unchanged."""
    # Prefect types an async task's state as if it were not awaited.
    running = cast("Awaitable[State[T]]", step_task(printable(name), act, return_state=True))
    return await (await running).aresult()


def explained(error: SlipwayError, stage: str) -> State[Any]:
    """The Failed state of an error: its message is what an operator needs, its data the error."""
    lines = explain(error, stage).lines()
    get_run_logger().error("\n".join(lines))
    return Failed(message=printable(" | ".join(lines)), data=error)


def unexpected(error: Exception) -> State[Any]:
    """The Failed state of a bug. Only its type and place are told: its text may hold anything."""
    where = "".join(traceback.format_tb(error.__traceback__))
    get_run_logger().error("unexpected %s\n%s", type(error).__name__, where)
    return Failed(message=f"unexpected {type(error).__name__}; this is a bug", data=error)
