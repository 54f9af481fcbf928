"""Broken glass: who may, what it opens, who hears of it, and what reconciles it."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.appfile import Gate
from slipway.approval import Decision, Statement, verify_approval
from slipway.cli.overview import releases_of
from slipway.drift import look
from slipway.engine import Engine
from slipway.errors import ApprovalRefused, BadInput, Refused, ScanRefused, SignatureRefused
from slipway.gatekeeper import Gatekeeper, hand_in
from slipway.glass import Glass, open_glass, serving_by_glass
from slipway.ledger import utc_now
from slipway.plan import Plan
from tests.fakes.world import TARGET, World, candidate, order

Sign = Callable[..., str]
REASON = "the database burns"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def statement(plan: Plan, by: str = "erin", **changes: object) -> Statement:
    fields = {
        "candidate": plan.candidate,
        "app": TARGET.app,
        "environment": TARGET.environment,
        "plan": plan.hash,
        "decision": Decision.BREAK_GLASS,
        "approver": f"{by}@example.org",
        "expires": utc_now() + timedelta(minutes=30),
        "reason": REASON,
    }
    return Statement.model_validate(fields | changes)


def approves(plan: Plan, by: str = "alice") -> Statement:
    return statement(plan, by, decision=Decision.APPROVE, reason=None)


def engine(world: World, keys: Path, *said: Callable[[Plan], str]) -> Engine:
    """An engine whose gate wants one approval; what is said is handed in as it waits."""
    keeper = Gatekeeper(
        world.ledger(), keys / "allowed", Gate(approvals=1), "ci", poll_seconds=0.01
    )

    async def gate(plan: Plan) -> list[int]:
        keeper.request(plan)
        for text in said:
            hand_in(keeper.ledger, text(plan), keeper.signers)
        return await keeper(plan)

    return replace(world.engine(), gate=gate)


@pytest.fixture
async def broken(world: World, keys: Path, sign: Sign) -> World:
    """`a` came in by approval, `b` by a broken glass, and serves."""
    await engine(world, keys, lambda plan: sign(approves(plan))).deploy(order("a"))
    await engine(world, keys, lambda plan: sign(statement(plan), "erin")).deploy(order("b"))
    return world


def glass(world: World, keys: Path) -> Glass | None:
    return open_glass(world.records(), keys / "allowed", utc_now())


def a_plan(world: World) -> Plan:
    return world.engine().plan(order("a"))


@pytest.mark.parametrize(
    ("by", "changes", "why"),
    [
        ("alice", {}, "lacks the role prod.break-glass.slipway"),
        ("erin", {"environment": "stage"}, "lacks the role stage.break-glass.slipway"),
        ("erin", {"decision": Decision.APPROVE, "reason": None}, "lacks the role prod.approval"),
        ("mallory", {}, "not enrolled"),
    ],
)
def test_only_who_is_enrolled_for_it_breaks_it(
    world: World, keys: Path, sign: Sign, by: str, changes: dict[str, object], why: str
) -> None:
    """I8, I1: an approver's key breaks nothing, and one that breaks approves nothing."""
    text = sign(statement(a_plan(world), by, **changes), by)
    with pytest.raises(SignatureRefused, match=why):
        verify_approval(text, keys / "allowed", utc_now())


@pytest.mark.parametrize("reason", [None, "", " ", "two\nlines", "x" * 301, "\x1b[31m"])
def test_a_broken_glass_has_a_reason(world: World, reason: str | None) -> None:
    """I8: one line, which is signed."""
    with pytest.raises((BadInput, ValueError), match="reason"):
        statement(a_plan(world), reason=reason)
    with pytest.raises((BadInput, ValueError), match="reason"):
        statement(a_plan(world), decision=Decision.APPROVE)


def test_what_approvers_sign_is_what_it_was(world: World) -> None:
    """Signatures from before there was such a thing still hold: no field was added to them."""
    said = json.loads(approves(a_plan(world)).data)
    fields = "app approver candidate decision environment expires nonce plan type"
    assert sorted(said) == fields.split()


def test_it_is_on_record_with_reason_and_actor(broken: World) -> None:
    """I8: in the signed record, in the history, and as what serves."""
    rows = releases_of(broken.records())
    assert [row.glass for row in rows] == [None, f"glass broken by erin@example.org: {REASON}"]
    found = serving_by_glass(broken.records())
    assert found
    record = broken.records()[found.record - 1]
    assert (record.body["decision"], record.body["reason"]) == ("break-glass", REASON)
    assert record.body["text"].startswith("slipway-approval-v1.")


def test_it_counts_as_drift_until_somebody_else_approves(
    broken: World, keys: Path, sign: Sign
) -> None:
    """I8: the command that reconciles it is told, and works."""
    told = look(TARGET, broken.tools(), keys / "allowed")
    assert [str(one) for one in told.fields] == [
        f"gate: wanted approved, found glass broken by erin@example.org: {REASON}"
    ]
    found = glass(broken, keys)
    assert found
    assert told.next_command.startswith(f"slipway approve {candidate('b')} --app shop")
    assert f"--plan {found.plan}" in told.next_command

    plan = a_plan(broken).model_copy(update={"candidate": candidate("b"), "hash": found.plan})
    hand_in(broken.ledger(), sign(approves(plan)), keys / "allowed")
    assert glass(broken, keys) is None
    assert look(TARGET, broken.tools(), keys / "allowed").fields == ()
    assert serving_by_glass(broken.records()) == found


async def test_who_broke_it_or_asked_for_it_does_not_approve_it_afterwards(
    world: World, keys: Path, sign: Sign, tmp_path: Path
) -> None:
    """I8, I2: here all of them have both roles."""
    both = tmp_path / "both"
    lines = [
        f'{who}@example.org namespaces="prod.*.slipway" {(keys / f"{who}.pub").read_text()}'
        for who in ("alice", "erin")
    ]
    both.write_text("".join(lines))
    (tmp_path / "allowed").write_text("".join(lines))
    broke = engine(world, tmp_path, lambda plan: sign(statement(plan), "erin"))
    await broke.deploy(order("a", requested_by="bob@example.org"))
    found = open_glass(world.records(), both, utc_now())
    assert found
    plan = a_plan(world).model_copy(update={"candidate": candidate("a"), "hash": found.plan})
    hand_in(world.ledger(), sign(approves(plan, "erin"), "erin"), both)
    assert open_glass(world.records(), both, utc_now()) == found
    hand_in(world.ledger(), sign(approves(plan)), both)
    assert open_glass(world.records(), both, utc_now()) is None


async def test_an_approved_release_reconciles_and_a_way_back_to_it_does_not(
    broken: World, keys: Path, sign: Sign
) -> None:
    """I8: what counts is how that came in which serves."""
    approved = engine(broken, keys, lambda plan: sign(approves(plan)))
    await approved.deploy(order("c"))
    assert glass(broken, keys) is None
    await broken.engine().rollback("olga", "c is bad")
    assert glass(broken, keys)
    await broken.engine().rollback("olga", "b is no better")
    assert glass(broken, keys) is None


def test_where_no_signature_can_be_verified_it_stays_open(broken: World, tmp_path: Path) -> None:
    """I8: fails closed."""
    assert open_glass(broken.records(), tmp_path / "none", utc_now())


async def test_nothing_but_the_gate_is_opened(world: World, keys: Path, sign: Sign) -> None:
    """I8: evidence and scan are asked first, and refuse as ever."""

    def refuse(*_: object) -> list[str]:
        raise ScanRefused("CVE-2026-1 is critical")

    hammered = engine(world, keys, lambda plan: sign(statement(plan), "erin"))
    with pytest.raises(Refused, match="CVE-2026-1"):
        await replace(hammered, admit=refuse).deploy(order("a"))
    assert world.platform.actions == []


async def test_it_opens_one_gate_once(broken: World, keys: Path) -> None:
    """I8, I3: the same line again is refused at the door."""
    text = next(r.body["text"] for r in broken.records() if r.body.get("reason") == REASON)
    with pytest.raises(ApprovalRefused, match="was handed in before"):
        hand_in(broken.ledger(), text, keys / "allowed")
