"""Requests, approvals and the wait between them, on a ledger in a real directory."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from slipway.appfile import Gate
from slipway.approval import Decision, Statement, armor, open_armor, verify_approval
from slipway.canonical import sha256_digest
from slipway.directory_store import DirectoryStore
from slipway.errors import ApprovalRefused, ApprovalTimeout
from slipway.gatekeeper import Gatekeeper, approval_body, gate_before, hand_in
from slipway.ledger import Kind, Ledger
from slipway.plan import Plan
from slipway.release import ReleaseSpec, Resources, ServiceSpec, Target

REPOSITORY = "registry.example/shop"


class Clock:
    """A wall clock that stands still until told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def tick(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)


def plan(word: str = "plan", environment: str = "prod") -> Plan:
    image = f"{REPOSITORY}/web@{sha256_digest(b'image')}"
    limits = Resources(memory_bytes=2**27, cpu_millis=500, pids=64)
    service = ServiceSpec(name="web", image=image, user="1000:1000", resources=limits, port=8000)
    spec = ReleaseSpec(
        target=Target(app="shop", environment=environment),
        services=(service,),
        front="web",
        port=8080,
    )
    candidate = f"{REPOSITORY}@{sha256_digest(b'candidate')}"
    return Plan(candidate=candidate, spec=spec, changes=(), hash=sha256_digest(word.encode()))


def statement(ledger: Ledger, what: Plan, approver: str = "alice@example.org") -> Statement:
    return Statement(
        candidate=what.candidate,
        app="shop",
        environment=what.spec.target.environment,
        plan=what.hash,
        decision=Decision.APPROVE,
        approver=approver,
        expires=ledger.clock() + timedelta(minutes=30),
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    target = Target(app="shop", environment="prod")
    return Ledger(DirectoryStore(tmp_path), target, "robot", Clock())


@pytest.fixture
def keeper(ledger: Ledger, keys: Path) -> Gatekeeper:
    gate = Gate(approvals=1, timeout="10m")
    return Gatekeeper(ledger, keys / "allowed", gate, "robot", poll_seconds=0.01)


def kinds(ledger: Ledger) -> list[Kind]:
    return [record.kind for record in ledger.records()]


async def test_gate_opens_when_an_approval_arrives(
    ledger: Ledger, keeper: Gatekeeper, keys: Path, sign: Callable[..., str]
) -> None:
    """N01, I5: the request is on record, nothing is claimed, and the wait ends by a signature."""
    waiting = asyncio.create_task(keeper(plan()))
    await asyncio.sleep(0.05)
    assert kinds(ledger) == [Kind.REQUESTED]
    assert not waiting.done()
    hand_in(ledger, sign(statement(ledger, plan())), keys / "allowed")
    assert await waiting == [2]


async def test_gate_ends_by_a_denial(
    ledger: Ledger, keeper: Gatekeeper, keys: Path, sign: Callable[..., str]
) -> None:
    """I4: one enrolled voice closes it."""
    no = statement(ledger, plan()).model_copy(update={"decision": Decision.DENY})
    hand_in(ledger, sign(no), keys / "allowed")
    with pytest.raises(ApprovalRefused, match="denied by alice"):
        await keeper(plan())


async def test_gate_ends_by_timeout(ledger: Ledger, keeper: Gatekeeper) -> None:
    """I4: after its time the wait ends by itself, with a name."""
    waiting = asyncio.create_task(keeper(plan()))
    await asyncio.sleep(0.05)
    ledger.clock.tick(11)
    with pytest.raises(ApprovalTimeout, match="within 10m"):
        await waiting


async def test_no_gate_asks_nobody(ledger: Ledger, keys: Path) -> None:
    """E7: an environment without a gate leaves no record of one."""
    keeper = Gatekeeper(ledger, keys / "none", Gate(approvals=0), "robot")
    assert await keeper(plan()) == []
    assert ledger.records() == []


def test_restart_goes_on_with_the_request_that_waits(ledger: Ledger, keeper: Gatekeeper) -> None:
    """I5: another process finds the request and its deadline."""
    first = keeper.request(plan())
    ledger.clock.tick(5)
    assert keeper.request(plan()) == first
    assert kinds(ledger) == [Kind.REQUESTED]


@pytest.mark.parametrize("ended_by", [Kind.REFUSED, Kind.CLOSED])
def test_request_that_ended_is_made_anew(
    ledger: Ledger, keeper: Gatekeeper, ended_by: Kind
) -> None:
    first = keeper.request(plan())
    ledger.append(ended_by, {})
    ledger.clock.tick(1)
    assert keeper.request(plan()).requested_at > first.requested_at


def test_request_out_of_time_is_made_anew(ledger: Ledger, keeper: Gatekeeper) -> None:
    first = keeper.request(plan())
    ledger.clock.tick(11)
    assert keeper.request(plan()) != first


def test_each_signature_enters_the_ledger_once(
    ledger: Ledger, keys: Path, sign: Callable[..., str]
) -> None:
    """I3: handed in again, it is refused by its nonce."""
    text = sign(statement(ledger, plan()))
    assert hand_in(ledger, text, keys / "allowed").number == 1
    with pytest.raises(ApprovalRefused, match="its nonce in record 1"):
        hand_in(ledger, text, keys / "allowed")
    assert len(ledger.records()) == 1


def test_approval_for_another_target_is_not_recorded(
    ledger: Ledger, keys: Path, sign: Callable[..., str]
) -> None:
    """I3: a signature for stage opens nothing in prod."""
    text = sign(statement(ledger, plan(environment="stage")))
    with pytest.raises(ApprovalRefused, match="found: shop/stage; allowed: shop/prod"):
        hand_in(ledger, text, keys / "allowed")


@pytest.mark.parametrize("requested_by", ["alice", "alice@example.org"])
def test_requesters_own_approval_is_refused_at_the_door(
    ledger: Ledger, keeper: Gatekeeper, keys: Path, sign: Callable[..., str], requested_by: str
) -> None:
    """I2: whichever name of the key asked."""
    own = Gatekeeper(ledger, keys / "allowed", keeper.gate, requested_by)
    own.request(plan())
    with pytest.raises(ApprovalRefused, match="who requested the release does not approve it"):
        hand_in(ledger, sign(statement(ledger, plan())), keys / "allowed")


def test_approvals_are_verified_again_when_read(
    ledger: Ledger, keeper: Gatekeeper, keys: Path, sign: Callable[..., str]
) -> None:
    """I1: a record that somebody wrote into the ledger by hand opens nothing."""
    request = keeper.request(plan())
    good = verify_approval(sign(statement(ledger, plan())), keys / "allowed", ledger.clock())
    _, foreign = open_armor(sign(statement(ledger, plan()), "mallory"))
    forged = {**approval_body(good), "text": armor(good.statement, foreign)}
    ledger.append(Kind.APPROVAL, forged)
    ledger.append(Kind.APPROVAL, {"approver": "alice@example.org", "decision": "approve"})
    assert keeper.verdict(request).answer == "waiting"
    ledger.append(Kind.APPROVAL, approval_body(good))
    assert keeper.verdict(request).numbers == [4]


def test_key_that_was_taken_out_no_longer_counts(
    ledger: Ledger, keeper: Gatekeeper, keys: Path, sign: Callable[..., str], tmp_path: Path
) -> None:
    """I1: enrolment is judged when the gate opens."""
    hand_in(ledger, sign(statement(ledger, plan())), keys / "allowed")
    (tmp_path / "allowed").write_text("# nobody\n")
    later = Gatekeeper(ledger, tmp_path / "allowed", keeper.gate, "robot")
    assert later.verdict(later.request(plan())).answer == "waiting"


def claim(ledger: Ledger, what: Plan, approvals: list[int]) -> None:
    body = {"goal": "deploy", "plan_hash": what.hash, "approvals": approvals}
    ledger.append(Kind.CLAIM, body)
    ledger.append(Kind.CLOSED, {"outcome": "released"})


def test_approval_opens_one_release_only(
    ledger: Ledger, keeper: Gatekeeper, keys: Path, sign: Callable[..., str]
) -> None:
    """I3: the same plan another time needs another signature."""
    keeper.request(plan())
    approved = hand_in(ledger, sign(statement(ledger, plan())), keys / "allowed")
    claim(ledger, plan(), [approved.number])
    verdict = keeper.verdict(keeper.request(plan()))
    assert verdict.answer == "waiting"
    assert str(verdict.discounted[0].reason) == "an earlier release used it"


async def test_lower_gate_is_let_in_by_the_gate_before(
    ledger: Ledger, keeper: Gatekeeper, keys: Path, sign: Callable[..., str]
) -> None:
    """I1: a commit that takes the gate out of the app file is itself held at that gate, once."""
    keeper.request(plan())
    approved = hand_in(ledger, sign(statement(ledger, plan())), keys / "allowed")
    claim(ledger, plan(), [approved.number])
    assert gate_before(ledger.records()) == 1
    open_door = Gatekeeper(ledger, keys / "allowed", Gate(approvals=0), "robot", poll_seconds=0.01)
    waiting = asyncio.create_task(open_door(plan("open door")))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    hand_in(ledger, sign(statement(ledger, plan("open door"))), keys / "allowed")
    claim(ledger, plan("open door"), await waiting)
    assert gate_before(ledger.records()) == 0


class Stepping(DirectoryStore):
    """A store whose clock is set at a moment that a test chooses."""

    shift = timedelta()

    def now(self) -> datetime:
        return super().now() + self.shift


@pytest.mark.parametrize("hours", [3, -3])
async def test_wait_is_as_long_as_the_gate_says_wherever_the_clock_is_set(
    tmp_path: Path, keys: Path, hours: int
) -> None:
    """I6: ahead ends it no sooner, back no later."""
    store = Stepping(tmp_path)
    ledger = Ledger(store, Target(app="shop", environment="prod"), "robot")
    gate = Gate(approvals=1, timeout="2s")
    keeper = Gatekeeper(ledger, keys / "allowed", gate, "robot", poll_seconds=0.01)
    began = time.monotonic()
    waiting = asyncio.create_task(keeper(plan()))
    await asyncio.sleep(0.3)
    store.shift = timedelta(hours=hours)
    with pytest.raises(ApprovalTimeout, match="within 2s"):
        await asyncio.wait_for(waiting, 30)
    assert time.monotonic() - began > 0.9


@pytest.mark.parametrize("hours", [3, -3])
async def test_approval_counts_though_the_clock_was_set_while_the_gate_waited(
    tmp_path: Path, keys: Path, sign: Callable[..., str], hours: int
) -> None:
    """I6: signed and dated by the clock as it is then."""
    store = Stepping(tmp_path)
    ledger = Ledger(store, Target(app="shop", environment="prod"), "robot")
    gate = Gate(approvals=1, timeout="10m")
    keeper = Gatekeeper(ledger, keys / "allowed", gate, "robot", poll_seconds=0.01)
    waiting = asyncio.create_task(keeper(plan()))
    await asyncio.sleep(0.1)
    store.shift = timedelta(hours=hours)
    hand_in(ledger, sign(statement(ledger, plan())), keys / "allowed")
    assert await asyncio.wait_for(waiting, 30) == [2]


def test_request_dated_by_a_clock_that_was_set_back_is_asked_again(
    ledger: Ledger, keeper: Gatekeeper
) -> None:
    """I6: else it would wait three hours longer."""
    first = keeper.request(plan())
    ledger.clock.tick(-180)
    assert keeper.request(plan()) != first
