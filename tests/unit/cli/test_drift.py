"""`slipway drift` on a world with releases (N17)."""

import asyncio
import json
from collections.abc import Callable

import pytest
from typer.testing import Result

from slipway.errors import Unreachable
from slipway.platform import Observation
from tests.fakes.world import World, candidate, order, spec

Slipway = Callable[..., Result]


@pytest.fixture
def released(world: World) -> World:
    for version in ("a", "b"):
        asyncio.run(world.engine().deploy(order(version)))
    return world


def set_by_hand(world: World, monkeypatch: pytest.MonkeyPatch, **fields: str) -> None:
    real = world.platform.observe(spec("b").target)
    found = {**real.fields, **{key.replace("_", "."): value for key, value in fields.items()}}
    seen = Observation(found, "by hand", real.serving)
    monkeypatch.setattr(world.platform, "observe", lambda target: seen)


def test_what_runs_as_recorded_ends_with_0(slipway: Slipway, released: World) -> None:
    actions = list(released.platform.actions)
    result = slipway("drift")
    assert result.exit_code == 0, result.stderr
    assert "as recorded" in result.stdout
    assert released.platform.actions == actions


def test_nothing_released_is_nothing_to_compare(slipway: Slipway) -> None:
    assert slipway("drift").exit_code == 0


def test_a_change_by_hand_is_named_and_nothing_is_mended(
    slipway: Slipway, released: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B8: field, wanted, found, next command; the ledger holds nothing new."""
    set_by_hand(released, monkeypatch, web_replicas="5")
    records, actions = released.records(), list(released.platform.actions)
    result = slipway("drift", "shop", "prod")
    assert result.exit_code == 3
    assert "web.replicas" in result.stdout
    told = "".join(result.stderr.split())
    assert f"slipwaydeploy{candidate('b')}prod" in told
    assert (released.records(), released.platform.actions) == (records, actions)


def test_json_holds_every_field(
    slipway: Slipway, released: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_by_hand(released, monkeypatch, web_replicas="5")
    result = slipway("drift", "--json")
    (found,) = json.loads(result.stdout)
    assert found["fields"] == [
        {"field": "web.replicas", "wanted": "1", "found": "5", "manager": None}
    ]
    assert json.loads(result.stderr)["exit_code"] == 3


def test_a_release_that_begins_meanwhile_is_no_drift(
    slipway: Slipway, released: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before and after must agree on what serves."""
    before = released.platform.observe(spec("b").target)

    def observe(target: object) -> Observation:
        monkeypatch.undo()
        asyncio.run(released.engine().deploy(order("c")))
        return Observation({**before.fields, "web.replicas": "5"}, "torn", before.serving)

    monkeypatch.setattr(released.platform, "observe", observe)
    result = slipway("drift", "shop", "prod")
    assert "another release was verified meanwhile" in result.stdout


def test_a_target_that_does_not_answer_ends_with_8(
    slipway: Slipway, released: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def observe(target: object) -> Observation:
        raise Unreachable("the engine is away")

    monkeypatch.setattr(released.platform, "observe", observe)
    result = slipway("drift")
    assert result.exit_code == 8
    assert "not compared: the engine is away" in result.stdout


def test_an_unknown_target_is_refused(slipway: Slipway, released: World) -> None:
    assert slipway("drift", "till").exit_code == 2
