"""The voucher service."""

import os
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, Field, SecretStr

from vouchers import __version__, operations, signing
from vouchers.rates import Rates
from vouchers.settings import Settings, rates, settings

app = FastAPI(title="Vouchers", version=__version__)
app.include_router(operations.router)

Config = Annotated[Settings, Depends(settings)]
Cache = Annotated[Rates, Depends(rates)]


def voucher_key(config: Config) -> SecretStr:
    return config.voucher_key()


Key = Annotated[SecretStr, Depends(voucher_key)]


class Order(BaseModel):
    amount: int = Field(gt=0, le=50_000, description="In cents", examples=[2500])


class Voucher(BaseModel):
    code: str
    amount: int
    currency: str


@app.get("/")
def hello(config: Config, cache: Cache) -> dict[str, object]:
    greeting = {"service": "vouchers", "version": __version__, "greeting": config.greeting}
    return greeting | {"rates": cache.current()}


@app.post("/vouchers", status_code=201)
def issue(order: Order, config: Config, key: Key) -> Voucher:
    number = int.from_bytes(os.urandom(4))
    code = signing.sign(order.amount, number, key)
    return Voucher(code=code, amount=order.amount, currency=config.currency)


@app.get("/vouchers/{code}")
def look_up(code: str, config: Config, key: Key) -> Voucher:
    amount = signing.read(code, key)
    if amount is None:
        raise HTTPException(404, "No such voucher")
    return Voucher(code=code, amount=amount, currency=config.currency)
