"""What is only shown: it may fail with the server, and the release goes on without it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from prefect.exceptions import PrefectException

from tasks.notes import note

PATIENCE_SECONDS = 3.0
AWAY_SECONDS = 30.0


class _Server:
    """Remembers a server that did not answer, so that not every step waits for it again."""

    back_at = 0.0


def is_away() -> bool:
    """Whether the server did not answer a moment ago."""
    return time.monotonic() < _Server.back_at


@asynccontextmanager
async def best_effort(what: str) -> AsyncIterator[None]:
    """Run the block for a few seconds at most; a server that fails is logged and forgotten."""
    patience = 0.0 if is_away() else PATIENCE_SECONDS
    try:
        async with asyncio.timeout(patience):
            yield
    except (httpx.HTTPError, PrefectException, OSError, TimeoutError) as error:
        if patience:
            _Server.back_at = time.monotonic() + AWAY_SECONDS
            note(f"{what} not shown: the Prefect server did not take it ({type(error).__name__})")
