"""Releases in processes of their own that die or freeze at a chosen boundary (R1, R2)."""

import asyncio
import multiprocessing
import os
import signal as signals
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from slipway.claim import open_claim
from slipway.directory_store import DirectoryStore
from slipway.engine import Engine
from slipway.errors import SlipwayError
from slipway.execution import Tools
from slipway.history import serving_release
from slipway.journal import Observer, no_observer
from slipway.ledger import Ledger, Record
from slipway.opening import Order
from slipway.patience import PAUSES
from slipway.release import ReleaseSpec
from tests.rig.docker_world import World, read_secret

FORK = multiprocessing.get_context("fork")
LEASE_SECONDS = 1.0
LONGEST_SECONDS = 90
Act = Callable[[Engine], Awaitable[object]]


def candidate(spec: ReleaseSpec) -> str:
    """A candidate reference that names the specification."""
    return f"127.0.0.1:5055/{spec.target.app}@sha256:{spec.id:0>64}"


def order(spec: ReleaseSpec) -> Order:
    return Order(candidate=candidate(spec), spec=spec, requested_by="rig")


@dataclass(frozen=True)
class Boundaries:
    """Writes each boundary down; at the chosen one the process signals itself."""

    seen: Path
    at: int | str | None = None
    signal: signals.Signals = signals.SIGKILL

    def __call__(self, name: str, point: str) -> None:
        boundary = f"{name}: {point}"
        count = len(self.read())
        with self.seen.open("a") as stream:
            stream.write(f"{boundary}\n")
        if self.at in (count, boundary):
            os.kill(os.getpid(), self.signal)

    def read(self) -> list[str]:
        return self.seen.read_text().splitlines() if self.seen.exists() else []


@dataclass
class Site:
    """One target on the real engine with its ledger; everything here outlives a process."""

    world: World
    folder: Path
    lease_seconds: float = LEASE_SECONDS
    pauses: Sequence[float] = PAUSES

    @property
    def ledger(self) -> Ledger:
        return Ledger(DirectoryStore(self.folder / "ledger"), self.world.target, "rig")

    def engine(self, observer: Observer = no_observer) -> Engine:
        return Engine(
            Tools(
                platform=self.world.platform,
                ledger=self.ledger,
                secrets=read_secret,
                observer=observer,
                lease_seconds=self.lease_seconds,
                pauses=self.pauses,
            )
        )

    def records(self) -> list[Record]:
        return self.ledger.records()

    @property
    def is_settled(self) -> bool:
        return open_claim(self.records()) is None

    @property
    def serving(self) -> str | None:
        good = serving_release(self.records())
        return good.spec.id if good else None

    def deploy(self, spec: ReleaseSpec) -> None:
        asyncio.run(self.engine().deploy(order(spec)))

    def recover(self) -> object:
        return asyncio.run(self.engine().recover())

    def start(self, act: Act, boundaries: Boundaries) -> BaseProcess:
        """Start the act in a process of its own; its exit code is the error's."""
        process = FORK.Process(target=self._live, args=(act, boundaries))
        process.start()
        return process

    def boundaries(self, at: int | str | None = None, **how: signals.Signals) -> Boundaries:
        return Boundaries(self.folder / f"seen-{time.monotonic_ns()}", at, **how)

    def run_until(self, act: Act, at: int | str) -> str:
        """Run the act until it kills itself; the boundary where that happened."""
        boundaries = self.boundaries(at)
        process = self.start(act, boundaries)
        process.join(LONGEST_SECONDS)
        assert process.exitcode == -signals.SIGKILL, boundaries.read()
        return boundaries.read()[-1]

    def outlive_lease(self) -> None:
        time.sleep(self.lease_seconds * 1.2)

    def _live(self, act: Act, boundaries: Boundaries) -> None:
        code = 0
        try:
            asyncio.run(act(self.engine(boundaries)))  # type: ignore[arg-type]
        except SlipwayError as error:
            boundaries.seen.with_suffix(".error").write_text(f"{type(error).__name__}: {error}")
            code = error.exit_code
        os._exit(code)


async def drill(engine: Engine) -> object:
    return await engine.drill("rig", 60_000)


async def roll_back(engine: Engine) -> object:
    return await engine.rollback("rig", "test")


async def recovery(engine: Engine) -> object:
    return await engine.recover()


def deploying(spec: ReleaseSpec) -> Act:
    async def act(engine: Engine) -> object:
        return await engine.deploy(order(spec))

    return act
