"""What an operator asks: alive, ready, which version."""

import os
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException

from vouchers import __version__
from vouchers.rates import Rates, StaleRates
from vouchers.settings import Settings, rates, settings

router = APIRouter(tags=["operations"])


@router.get("/health")
def health() -> dict[str, str]:
    return {"status": "alive"}


@router.get("/ready")
def ready(
    config: Annotated[Settings, Depends(settings)], cache: Annotated[Rates, Depends(rates)]
) -> dict[str, str]:
    """503 until the service can do its work, which needs its secret and rates."""
    try:
        config.voucher_key()
        cache.check()
    except (ValueError, StaleRates) as error:
        raise HTTPException(503, str(error)) from error
    return {"status": "ready"}


@router.get("/version")
def version() -> dict[str, str]:
    return {"version": __version__, "revision": os.environ.get("SLIPWAY_REVISION", "unknown")}
