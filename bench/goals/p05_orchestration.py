"""P5: what orchestration costs, without any work."""

import asyncio

from prefect import flow

from bench.measured import Result, in_turns
from bench.session import Session
from tasks.steps import perform

STEPS = 8


@flow(name="eight-steps", log_prints=False)
async def our_release() -> None:
    """Eight steps through the engine's door."""
    for number in range(STEPS):
        await perform(f"step {number}", lambda: None)


@flow(name="plain-step")
def plain_step() -> None:
    """What a team writes first: a flow of its own for each stage."""


@flow(name="plain-release")
def plain_release() -> None:
    """Eight stages, each a subflow."""
    for _ in range(STEPS):
        plain_step()


def measure(session: Session) -> list[Result]:
    """Whole runs of both, against one server."""
    with session.server.used():
        ours, plain = in_turns(session.rounds, lambda: asyncio.run(our_release()), plain_release)
    name = f"a flow of {STEPS} steps that do nothing"
    return [Result("P5", name, "sync subflows", ours, plain, most=0.2, longest=STEPS * 0.15)]
