"""Flows of the gateway's tests: one for a worker, one for the process of a build agent."""

import asyncio
import sys

from prefect import flow, get_run_logger, task
from prefect.artifacts import (
    acreate_markdown_artifact,
    acreate_progress_artifact,
    aupdate_progress_artifact,
)
from prefect.blocks.system import Secret
from prefect.concurrency.asyncio import concurrency

from tests.rig.gateway import SECRET


@flow(name="greet")
async def greet(fail: bool = False) -> None:
    """Has a runtime secret, which its caller has not."""
    secret = await Secret.aload(SECRET)  # type: ignore[union-attr]
    get_run_logger().info("a secret of %d characters is here", len(secret.get()))
    if fail:
        raise ValueError("asked to fail")


@task
async def measure(number: int) -> int:
    get_run_logger().info("measured %d", number)
    return number


@flow(name="inner")
async def inner() -> int:
    return await measure(2)


@flow(name="agent", flow_run_name="agent {name}")
async def agent(name: str) -> int:
    """What an in-process flow of an agent does with the API."""
    async with concurrency("gateway-limit", occupy=1):
        found = await measure(1) + await inner()
    await acreate_markdown_artifact(markdown="| a | b |", key="gateway-agent")
    progress = await acreate_progress_artifact(progress=1.0, key="gateway-progress")
    await aupdate_progress_artifact(progress, 50.0)  # type: ignore[arg-type]
    if name == "bad":
        raise ValueError("a red build")
    return found


if __name__ == "__main__":
    asyncio.run(agent(sys.argv[1]))
