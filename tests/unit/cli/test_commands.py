"""Commands on a world with releases: what they do, what they print, how they end."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from typer.testing import Result

from slipway.appfile import Gate
from slipway.claim import open_claim
from slipway.cli.deploy import wait_at_gate
from slipway.cli.options import complete_app, complete_environment
from slipway.engine import Engine
from slipway.errors import ApprovalTimeout, ProbeFailed
from slipway.gatekeeper import Gatekeeper
from slipway.ledger import Kind
from tests.fakes.world import World, candidate, order, spec

Slipway = Callable[..., Result]


@pytest.fixture
def released(world: World) -> World:
    """Two good releases; `b` serves."""
    for version in ("a", "b"):
        asyncio.run(world.engine().deploy(order(version)))
    return world


class Dies(BaseException):
    """Stands for a kill at a boundary."""


def die_at(world: World, name: str, point: str) -> Engine:
    def observer(step: str, at: str) -> None:
        if (step, at) == (name, point):
            raise Dies

    return world.engine(observer=observer)


def test_help_names_every_command(slipway: Slipway) -> None:
    words = "doctor plan approve deploy status history rollback recover audit schema lint up down"
    result = slipway("--help")
    assert result.exit_code == 0
    assert [word for word in words.split() if word not in result.stdout] == []


def test_status_shows_what_serves_and_the_way_back(slipway: Slipway, released: World) -> None:
    found = json.loads(slipway("status", "shop", "prod", "--json").stdout)[0]
    assert (found["serving"], found["back"]) == (candidate("b"), candidate("a"))
    assert (found["held"], found["waiting"], found["last"]) == (None, None, "released")


def test_status_is_a_table_for_people(slipway: Slipway, released: World) -> None:
    assert "shop/prod" in slipway("status").stdout


def test_status_of_an_empty_ledger_is_no_error(slipway: Slipway) -> None:
    result = slipway("status")
    assert (result.exit_code, result.stdout) == (0, "nothing was deployed yet\n")


def test_history_tells_each_release(slipway: Slipway, released: World) -> None:
    slipway("rollback", "shop", "prod", "--reason", "it is slow")
    rows = json.loads(slipway("history", "shop", "prod", "--json").stdout)
    assert [(row["goal"], row["outcome"], row["why"]) for row in rows] == [
        ("deploy", "released", None),
        ("deploy", "released", None),
        ("rollback", "rolled back", "it is slow"),
    ]


def test_history_tells_why_a_release_failed(slipway: Slipway, released: World) -> None:
    def fault(context: object) -> None:
        raise ProbeFailed("web answers 503")

    released.platform.faults[("containers healthy", spec("c").id)] = fault
    with pytest.raises(Exception, match="web answers 503"):
        asyncio.run(released.engine().deploy(order("c")))
    row = json.loads(slipway("history", "shop", "prod", "--json").stdout)[-1]
    assert (row["outcome"], row["why"]) == ("restored", "web answers 503")


def test_rollback_goes_to_the_last_good_release(slipway: Slipway, released: World) -> None:
    """D5: with neither a registry nor a Prefect server."""
    result = slipway("rollback", "shop", "prod")
    assert result.exit_code == 0
    assert "rolled back and verified" in result.stdout
    assert released.platform.serving == spec("a").id


def test_rollback_without_a_target_is_refused(slipway: Slipway, world: World) -> None:
    """D4: nothing good besides what serves."""
    asyncio.run(world.engine().deploy(order("a")))
    result = slipway("rollback", "shop", "prod", "--json")
    assert result.exit_code == 3
    assert json.loads(result.stderr)["error"] == "NoRollbackTarget"
    assert world.platform.serving == spec("a").id


def test_recover_settles_what_died(slipway: Slipway, released: World) -> None:
    """A1: recovery from the ledger and the target alone, and the second one does nothing."""
    with pytest.raises(Dies):
        asyncio.run(die_at(released, "traffic switched", "acted").deploy(order("c")))
    released.outlive_lease()
    result = slipway("recover")
    assert result.exit_code == 0, result.stderr
    assert "restored and verified" in result.stdout
    assert open_claim(released.records()) is None
    assert released.platform.serving == spec("b").id
    assert slipway("recover").stdout == "nothing to recover: no release is open\n"


def test_audit_of_a_sound_ledger(slipway: Slipway, released: World) -> None:
    found = json.loads(slipway("audit", "verify", "--json").stdout)[0]
    assert found["is_sound"]
    assert found["records"] == len(released.records())


def test_audit_names_the_first_bad_record(slipway: Slipway, released: World) -> None:
    """I7: exit code 7, and the record's number."""
    path = next(released.folder.glob("shop/prod/records/*3.json"))
    path.write_bytes(path.read_bytes().replace(b"tester", b"nobody"))
    result = slipway("audit", "verify")
    assert result.exit_code == 7
    assert "record 3" in result.stderr


def test_schema_is_json(slipway: Slipway) -> None:
    assert json.loads(slipway("schema").stdout)["title"] == "slipway.yaml"


def test_commands_write_nothing_for_reading(slipway: Slipway, released: World) -> None:
    before = released.kinds()
    for argv in (["status"], ["history", "shop", "prod"], ["audit", "verify"], ["recover"]):
        slipway(*argv)
    assert released.kinds() == before
    assert Kind.TAKEOVER not in before


def test_status_observes_the_target(slipway: Slipway, released: World) -> None:
    """The target is observed, never assumed."""
    assert "as recorded" in slipway("status", "--observe").stdout
    released.platform.serving = spec("a").id
    assert f"DIFFERS: {spec('a').id}" in slipway("status", "--observe").stdout


def test_names_are_completed_from_the_ledger(slipway: Slipway, released: World) -> None:
    assert (complete_app("sh"), complete_app("x")) == (["shop"], [])
    assert complete_environment("p") == ["prod"]


async def test_waiting_gate_says_how_it_is_opened(released: World) -> None:
    """N01: the operator who waits sees the command that somebody else types."""
    notes: list[str] = []
    gate = Gate(approvals=1, timeout=timedelta(milliseconds=1))
    keeper = Gatekeeper(released.ledger(), released.folder / "signers", gate, "ci")
    (released.folder / "signers").write_text("")
    plan = released.engine().plan(order("c"))
    with pytest.raises(ApprovalTimeout):
        await wait_at_gate(keeper, notes.append, plan)
    assert f"--plan {plan.hash}" in notes[0]
    assert "slipway approve" in notes[0]
