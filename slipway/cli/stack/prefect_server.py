"""The stack's Prefect server: Prefect's own, whose writers on SQLite wait for each other.

Prefect begins a transaction as a reader and asks for the write lock later. Where another one wrote
in between, SQLite refuses at once (SQLITE_BUSY_SNAPSHOT), the server answers 503, and the client
waits two seconds: at most calls of a flow. Begun as a writer, a transaction waits some
milliseconds for its turn instead. https://www.sqlite.org/lang_transaction.html#immediate
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prefect.server.api.server import create_app
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import set_database_config
from prefect.settings import get_current_settings
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction


class WritersInTurn(AioSqliteConfiguration):
    """Every transaction takes the write lock when it begins."""

    @asynccontextmanager
    async def begin_transaction(
        self,
        session: AsyncSession,
        with_for_update: bool = False,
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        """See BaseDatabaseConfiguration."""
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


def make_app() -> FastAPI:
    """What uvicorn serves, as `prefect server start` has it make it."""
    setting = get_current_settings().server.database.connection_url
    url = setting.get_secret_value() if setting else ""
    if url.startswith("sqlite"):
        set_database_config(WritersInTurn(connection_url=url))
    return create_app(final=True)
