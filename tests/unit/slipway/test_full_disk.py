"""A ledger that takes no more records at any one point: nothing is done without its intent."""

import asyncio
from pathlib import Path

import pytest

from slipway.directory_store import DirectoryStore
from slipway.errors import SlipwayError, Unreachable
from slipway.ledger import Kind, Ledger
from slipway.release import Target
from tests.fakes.world import TARGET, World, order, spec

RECORDS = 24
STEPS = {
    "start": "containers running",
    "switch": "traffic switched",
    "remove": "old releases removed",
}


class FullStore(DirectoryStore):
    """Takes so many records more."""

    left = 0

    def create(self, target: Target, number: int, data: bytes) -> bool:
        if self.left <= 0:
            raise Unreachable("the ledger cannot be used", found="No space left on device")
        self.left -= 1
        return super().create(target, number, data)


def prepared(folder: Path) -> World:
    """Release a is good and serves."""
    world = World(folder, lease_seconds=0.02)
    asyncio.run(world.engine().deploy(order("a")))
    return world


@pytest.mark.parametrize("left", range(RECORDS))
def test_no_act_without_a_durable_intent(tmp_path: Path, left: int) -> None:
    """A10: each effect on the target has its intent in the ledger; recovery settles the rest."""
    world = prepared(tmp_path)
    before, head = len(world.platform.actions), len(world.records())
    store = FullStore(tmp_path)
    store.left = left
    engine = world.engine(ledger=Ledger(store, TARGET, "tester"))
    full = True
    try:
        asyncio.run(engine.deploy(order("b")))
        full = False
    except SlipwayError:
        pass
    records = world.records()[head:]
    intended = [record.body["step"] for record in records if record.kind is Kind.INTENT]
    acted = [STEPS[action.split()[0]] for action in world.platform.actions[before:]]
    assert [step for step in acted if step not in intended] == []
    world.outlive_lease()
    asyncio.run(world.engine().recover())
    assert world.is_settled()
    assert world.platform.serving in {spec("a").id, spec("b").id}
    assert full or world.platform.serving == spec("b").id
