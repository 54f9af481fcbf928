"""Asynchronous steps of the build tier as task runs: named, never retried, explained when red."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from slipway.errors import SlipwayError
from slipway.explanations import printable
from tasks.steps import explained

T = TypeVar("T")


@task(
    task_run_name="{name}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=0,
    description="One step of integrate.",
)
async def act_task(
    name: str,  # noqa: ARG001 - what the task run is called
    stage: str,
    act: Callable[[], Awaitable[Any]],
) -> Any:
    """Run the act. A known error becomes a Failed state that explains, no traceback."""
    try:
        return await act()
    except SlipwayError as error:
        error.stage = error.stage or stage
        return explained(error, stage)


async def act(name: str, stage: str, work: Callable[[], Awaitable[T]]) -> T:
    """Do one visible step; its own error comes back unchanged.

    Args:
        stage: test, build, scan, push or sign: a failure is a build issue of that stage.
    """
    running = cast("Awaitable[State[T]]", act_task(printable(name), stage, work, return_state=True))
    return await (await running).aresult()
