"""A6: the first signal stops and restores, the second leaves at once and names recover."""

import asyncio
import os
import signal

import pytest

from slipway.cli.interrupts import Interrupts
from slipway.errors import Interrupted, ReleaseFailed
from slipway.execution import directly
from tests.fakes.world import World, order, spec


def test_first_signal_before_a_claim_cancels() -> None:
    interrupts = Interrupts("slipway recover shop prod")

    async def work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(30)

    with pytest.raises(Interrupted, match="before anything was changed"):
        asyncio.run(interrupts.run(work()))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_in_a_release_restores(world: World, number: signal.Signals) -> None:
    interrupts = Interrupts("slipway recover shop prod")
    asyncio.run(world.engine().deploy(order("a")))

    sent: list[int] = []

    def observer(step: str, point: str) -> None:
        if (step, point) == ("containers running", "recorded") and not sent:
            sent.append(number)
            os.kill(os.getpid(), number)

    engine = world.engine(
        observer=observer,
        interruption=interrupts.interruption,
        perform=interrupts.guarded(directly),
    )
    with pytest.raises(ReleaseFailed, match="operator"):
        asyncio.run(interrupts.run(engine.deploy(order("b"))))
    assert world.platform.serving == spec("a").id
    assert world.is_settled()


def test_second_signal_leaves_at_once_and_names_recover(capsys: pytest.CaptureFixture[str]) -> None:
    left: list[int] = []
    interrupts = Interrupts("slipway recover shop prod", left.append)
    interrupts.acting = True
    interrupts.stop()
    assert left == []
    interrupts.stop()
    assert left == [130]
    assert "slipway recover shop prod" in capsys.readouterr().err
