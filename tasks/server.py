"""What is only shown: it may fail with the server, and the release goes on without it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from prefect.exceptions import PrefectException

from tasks.notes import note


@asynccontextmanager
async def best_effort(what: str) -> AsyncIterator[None]:
    """Run the block; an unreachable or unwilling Prefect server is logged and forgotten."""
    try:
        yield
    except (httpx.HTTPError, PrefectException, OSError) as error:
        note(f"{what} not shown: the Prefect server did not take it ({type(error).__name__})")
