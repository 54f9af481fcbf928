"""Writers on the stack's SQLite wait for each other; Prefect's own way lets one of them fail."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa
from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy.exc import OperationalError

from slipway.cli.stack.prefect_server import WritersInTurn

WRITERS = 8


async def refused(kind: type[AioSqliteConfiguration], file: Path) -> int:
    """How many of some writers are refused, each of which reads before it writes."""
    config = kind(connection_url=f"sqlite+aiosqlite:///{file}")
    engine = await config.engine()
    async with engine.begin() as connection:
        await connection.execute(sa.text("create table t (n integer)"))

    async def write(number: int) -> None:
        session = await config.session(engine)
        async with session, config.begin_transaction(session):
            await session.execute(sa.text("select count(*) from t"))
            await asyncio.sleep(0.02)
            await session.execute(sa.text("insert into t values (:n)"), {"n": number})

    try:
        ends = await asyncio.gather(*map(write, range(WRITERS)), return_exceptions=True)
    finally:
        await engine.dispose()
    return sum(isinstance(end, OperationalError) for end in ends)


@pytest.mark.parametrize(
    ("kind", "some"),
    [(WritersInTurn, False), (AioSqliteConfiguration, True)],
    ids=["ours", "prefects"],
)
async def test_writers_that_read_first(
    kind: type[AioSqliteConfiguration], some: bool, tmp_path: Path
) -> None:
    assert bool(await refused(kind, tmp_path / "x.db")) is some
