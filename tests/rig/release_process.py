"""A release in a process of its own that dies or stops at a chosen boundary.

Run as `python -m tests.rig.release_process ORDERS.json`; the file holds:

    ledger         folder of the ledger
    host           Docker engine, or null for the default one
    goal           deploy | rollback | drill | recover
    candidate, spec  for a deploy
    at, signal     number of the boundary and what to send to this process there, or null
    seen                       file that gets one line a boundary
    lease_seconds

The last line on standard output is the result as JSON, or the class and text of the error.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from blocks.platforms.docker import DockerPlatform
from slipway.directory_store import DirectoryStore
from slipway.engine import Engine
from slipway.errors import SlipwayError
from slipway.execution import Result, Tools
from slipway.ledger import Ledger
from slipway.opening import Order
from slipway.release import Target, parse_spec


class Boundaries:
    """Writes each boundary down; signals this process at the chosen one."""

    def __init__(self, orders: dict[str, Any]) -> None:
        self._at = orders.get("at")
        self._signal = signal.Signals[orders.get("signal") or "SIGKILL"]
        self._file = Path(orders["seen"])
        self._count = 0

    def __call__(self, name: str, point: str) -> None:
        with self._file.open("a") as stream:
            stream.write(f"{name}: {point}\n")
        if self._count == self._at:
            os.kill(os.getpid(), self._signal)
        self._count += 1


def read_secret(name: str, version: str) -> SecretStr:
    return SecretStr(f"value of {name} {version}")


def engine(orders: dict[str, Any]) -> Engine:
    target = Target.model_validate(orders["target"])
    return Engine(
        Tools(
            platform=DockerPlatform(host=orders.get("host")),
            ledger=Ledger(DirectoryStore(Path(orders["ledger"])), target, "rig"),
            secrets=read_secret,
            observer=Boundaries(orders),
            lease_seconds=orders.get("lease_seconds", 15),
        )
    )


async def carry_out(orders: dict[str, Any]) -> Result | None:
    driver = engine(orders)
    match orders["goal"]:
        case "deploy":
            spec = parse_spec(orders["spec"])
            return await driver.deploy(
                Order(candidate=orders["candidate"], spec=spec, requested_by="rig")
            )
        case "rollback":
            return await driver.rollback("rig", "test")
        case "drill":
            return await driver.drill("rig", 60_000)
        case _:
            return await driver.recover()


def main() -> int:
    orders = json.loads(Path(sys.argv[1]).read_text())
    try:
        result = asyncio.run(carry_out(orders))
    except SlipwayError as error:
        print(json.dumps({"error": type(error).__name__, "text": str(error)}))
        return error.exit_code
    print(result.model_dump_json() if result else "null")
    return 0


if __name__ == "__main__":
    sys.exit(main())
