"""Schema, store and ledger held against each other, from a table (S0-18, S0-19)."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from slipway.appfile import Secret
from slipway.errors import Unreachable
from slipway.release import Target
from slipway.secret import SecretState
from slipway.secret_check import (
    Fault,
    Held,
    Pins,
    difference_of_secrets,
    exit_code,
    hold_to_formats,
    judge_secrets,
    next_steps,
    pins_of,
)
from tests.fakes.secrets import MemorySecrets
from tests.fakes.world import World, order, spec

CASES = yaml.safe_load((Path(__file__).parents[2] / "cases" / "secret_check.yaml").read_text())
NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
CANARY = "canary-7f3e"


def held(name, text):
    version, *words = str(text).split()
    written = None
    if words[:1] == ["written"]:
        written = datetime.fromisoformat(f"{words[1]}T12:00:00+00:00")
    state = SecretState(name=name, version=version, written=written)
    return Held(state, None if "unread" in words else "malformed" not in words)


def rows_of(case):
    schema = {name: Secret(**value) for name, value in case["schema"].items()}
    serving = case.get("serving", {})
    kept = {name: (version,) for name, version in serving.items()}
    kept |= dict.fromkeys(case.get("back", []), ("1",))
    store = [held(name, text) for name, text in case["store"].items()]
    return judge_secrets(schema, store, Pins(serving=serving, kept=kept), NOW)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_what_is_found(case):
    rows = rows_of(case)
    assert {row.name: list(row.faults) for row in rows} == case["found"]
    assert exit_code(rows) == case["exit"]


def test_every_fault_is_in_the_table_and_has_a_next_step():
    seen = {fault for case in CASES for faults in case["found"].values() for fault in faults}
    assert seen == set(Fault)
    row = rows_of(CASES[-2])[0]
    assert next_steps(row, Target(app="shop", environment="prod"))[0] == (
        "database-url: wrong format; next: slipway secrets rotate shop prod database-url"
    )


async def test_pins_are_what_serves_what_is_next_and_what_is_under_way(tmp_path):
    """N12: versions that a rollback needs are known by name."""
    world = World(tmp_path)
    for version in ("1", "2", "3"):
        await world.engine().deploy(order("a", spec=spec("a", secrets={"database-url": version})))
    pins = pins_of(world.records())
    assert pins.serving == {"database-url": "3"}
    assert pins.kept == {"database-url": ("3", "2")}
    assert pins_of([]) == Pins()


def test_only_values_in_the_schema_are_read():
    store = MemorySecrets()
    for name, value in (("database-url", f"postgres://{CANARY}"), ("api", CANARY), ("x", "y")):
        store.write(name, SecretStr(value))
    schema = {name: Secret(format="url", owner="t") for name in ("database-url", "api")}
    found = {one.state.name: one.is_well_formed for one in hold_to_formats(store, schema)}
    assert found == {"api": False, "database-url": True, "x": None}
    assert [name for name, _ in store.reads] == ["api", "database-url"]
    assert CANARY not in repr(hold_to_formats(store, schema))


def test_a_store_that_does_not_answer_is_no_finding():
    with pytest.raises(Unreachable):
        hold_to_formats(MemorySecrets(fault=Unreachable("the store is away")), {})


def test_difference_holds_names_and_versions_alone():
    schema = {"database-url": Secret(format="url", owner="data")}
    dev = [SecretState(name="database-url", version="7", written=NOW)]
    prod = [SecretState(name="old-key", version="2", written=None)]
    found = [one.model_dump(mode="json") for one in difference_of_secrets(schema, dev, prod)]
    assert found == [
        {"name": "database-url", "format": "url", "owner": "data", "versions": ["7", None]},
        {"name": "old-key", "format": None, "owner": None, "versions": [None, "2"]},
    ]
