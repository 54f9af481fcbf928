"""`slipway keeper`: the process that has abandoned releases recovered."""

import asyncio
from typing import Annotated

import typer


def keeper(
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
) -> None:
    """Watch the leases of releases and have abandoned ones recovered. Runs beside a worker."""
    from blocks.compose import Installation
    from slipway.cli.keeper import Keeper, keep, keep_once
    from slipway.cli.prefect_api import PrefectApi

    kept = Keeper(Installation(), PrefectApi.from_environment())
    asyncio.run(keep_once(kept) if once else keep(kept))
