"""The order of a deploy, its failures, and the way back, on the memory platform."""

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.admission import Admission
from slipway.claim import Goal
from slipway.errors import (
    ApprovalRefused,
    Busy,
    CrashLoop,
    KeyReused,
    NoRollbackTarget,
    PlanStale,
    Refused,
    ReleaseFailed,
    RestoreFailed,
    Superseded,
    Unreachable,
    WayBackMissing,
)
from slipway.history import Outcome, good_releases, quarantine_of, serving_release
from slipway.interruption import Interruption
from slipway.ledger import Kind, utc_now
from slipway.opening import Admitted, Order
from slipway.plan import Plan
from slipway.platform import StepContext
from tests.fakes.world import World, candidate, order, spec


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def failing(error: Exception):
    def fault(context: StepContext) -> None:
        raise error

    return fault


async def release(world: World, *versions: str) -> None:
    for version in versions:
        await world.engine().deploy(order(version))


async def test_a_release_is_started_switched_and_recorded_in_order(world: World) -> None:
    result = await world.engine().deploy(order("a"))
    assert result.outcome is Outcome.RELEASED
    assert world.platform.actions == [f"start {spec('a').id}", f"switch {spec('a').id}"]
    assert world.records()[0].kind is Kind.CLAIM
    assert [kind for kind in world.kinds() if kind is not Kind.INTENT][-2:] == [
        Kind.OBSERVED,
        Kind.CLOSED,
    ]


async def test_noop_release_acts_and_records_nothing(world: World) -> None:
    """E7: the same candidate again is no action and no record."""
    await release(world, "a")
    before = len(world.records())
    result = await world.engine().deploy(order("a"))
    assert result.outcome is Outcome.UNCHANGED
    assert len(world.records()) == before
    assert len(world.platform.actions) == 2


async def test_failure_restores_quarantines_and_explains(world: World) -> None:
    """C1, N14, N24: what served before serves again and the explanation keeps the evidence."""
    await release(world, "a")
    error = CrashLoop("web exited with 1", evidence=["boom"])
    world.platform.faults["containers healthy", spec("b").id] = failing(error)
    with pytest.raises(ReleaseFailed) as caught:
        await world.engine().deploy(order("b"))
    assert caught.value.stage == "settle"
    assert caught.value.evidence == ("boom",)
    assert world.platform.serving == spec("a").id
    assert Kind.QUARANTINE in world.kinds()
    assert serving_release(world.records()).candidate == candidate("a")
    assert world.is_settled()


async def test_a_quarantine_tells_its_reason_and_ends_by_itself(world: World) -> None:
    """N14: the bad candidate is refused, with reason and expiry; others flow."""
    await release(world, "a")
    world.platform.faults["containers healthy", spec("b").id] = failing(CrashLoop("exit 1"))
    with pytest.raises(ReleaseFailed):
        await world.engine().deploy(order("b"))
    now = utc_now()
    found = quarantine_of(candidate("b"), [world.records()], now)
    assert found is not None
    assert found.reason == "exit 1"
    assert quarantine_of(candidate("b"), [world.records()], now + timedelta(days=31)) is None
    assert quarantine_of(candidate("c"), [world.records()], now) is None


async def test_first_release_that_fails_is_removed(world: World) -> None:
    """D6: nothing to go back to, so nothing is left behind."""
    world.platform.faults["containers healthy", spec("a").id] = failing(CrashLoop("exit 1"))
    with pytest.raises(ReleaseFailed, match="was the first release and was removed"):
        await world.engine().deploy(order("a"))
    assert world.platform.running == {}
    assert world.is_settled()


async def test_lost_way_back_refuses_before_any_change(world: World) -> None:
    """N03, D1: the previous image is gone, so nothing is touched."""
    await release(world, "a")
    world.platform.gone.add(spec("a").id)
    actions = list(world.platform.actions)
    with pytest.raises(WayBackMissing):
        await world.engine().deploy(order("b"))
    assert world.platform.actions == actions
    assert world.is_settled()
    assert serving_release(world.records()).candidate == candidate("a")


async def test_a_target_that_was_cleared_by_hand_takes_a_release(world: World) -> None:
    """N03: what no longer serves needs no way back, and keeps nobody from bringing users back."""
    await release(world, "a")
    world.platform.gone.add(spec("a").id)
    world.platform.running.clear()
    world.platform.serving = None
    await release(world, "b")
    assert world.platform.serving == spec("b").id
    assert world.is_settled()
    assert serving_release(world.records()).candidate == candidate("b")


async def test_target_that_moved_since_the_plan_is_refused(world: World) -> None:
    """N08: apply does exactly the plan or nothing."""
    await release(world, "a")

    async def gate(plan: object) -> list[int]:
        world.platform.drift += 1
        return []

    engine = world.engine()
    moved = type(engine)(engine.tools, gate=gate)
    with pytest.raises(PlanStale, match="plan is stale"):
        await moved.deploy(order("b"))
    assert world.platform.serving == spec("a").id
    assert world.is_settled()


async def test_rollback_goes_to_last_good_and_never_back_to_the_bad_one(world: World) -> None:
    """D4: twice back is two releases back, not a ping-pong."""
    await release(world, "a", "b", "c")
    await world.engine().rollback("ops", "errors")
    assert world.platform.serving == spec("b").id
    await world.engine().rollback("ops", "still errors")
    assert world.platform.serving == spec("a").id
    with pytest.raises(NoRollbackTarget):
        await world.engine().rollback("ops", "and again")
    assert world.platform.serving == spec("a").id


async def test_unhealthy_rollback_target_falls_to_the_one_before(world: World) -> None:
    """D3: N-1 is broken, so N-2 serves and both facts are told."""
    await release(world, "a", "b", "c")
    world.platform.faults["containers healthy", spec("b").id] = failing(CrashLoop("b is broken"))
    with pytest.raises(ReleaseFailed, match="b is broken") as caught:
        await world.engine().rollback("ops", "errors")
    assert spec("a").id in str(caught.value)
    assert world.platform.serving == spec("a").id


async def test_rollback_without_any_good_target_leaves_what_serves(world: World) -> None:
    """D3: no other good release can be verified, so the serving one stays."""
    await release(world, "a", "b")
    world.platform.faults["containers healthy", spec("a").id] = failing(CrashLoop("a is broken"))
    with pytest.raises(RestoreFailed):
        await world.engine().rollback("ops", "errors")
    assert world.platform.serving == spec("b").id
    assert world.is_settled()


async def test_rollback_preempts_a_hanging_deploy(world: World) -> None:
    """B5, N10: the rollback waits for nothing and the deploy ends superseded."""
    await release(world, "a")
    hanging = threading.Event()

    def hang(context: StepContext) -> None:
        hanging.set()
        for _ in range(200):
            context.check()
            threading.Event().wait(0.05)

    world.platform.faults["containers healthy", spec("b").id] = hang
    deploy = asyncio.create_task(world.engine().deploy(order("b")))
    await asyncio.to_thread(hanging.wait, 5)
    result = await world.engine().rollback("ops", "stuck")
    assert result.outcome is Outcome.ROLLED_BACK
    assert result.serving == spec("a").id
    with pytest.raises(Superseded):
        await deploy
    assert world.platform.serving == spec("a").id
    assert world.is_settled()


async def test_repeated_trigger_is_one_release(world: World) -> None:
    """E1: three triggers at once start and switch once."""
    results = await asyncio.gather(*(world.engine().deploy(order("a")) for _ in range(3)))
    assert {result.outcome for result in results} <= {Outcome.RELEASED, Outcome.UNCHANGED}
    assert world.platform.actions == [f"start {spec('a').id}", f"switch {spec('a').id}"]
    assert world.kinds().count(Kind.CLAIM) == 1


async def test_a_trigger_that_joined_a_failing_release_does_not_repeat_it(world: World) -> None:
    """E1, N14: one failure for all of them, and what it quarantined stays out."""
    await release(world, "a")
    world.platform.faults["containers healthy", spec("b").id] = failing(CrashLoop("exited with 1"))

    def supply(order: Order) -> Admitted:
        return Admitted(built="2026-01-02T00:00:00Z")

    earlier = "2026-01-01T00:00:00Z"
    admission = Admission(world.ledger(), None, supply, built=lambda reference: earlier)
    engines = [replace(world.engine(), admit=admission) for _ in range(3)]
    deploys = (engine.deploy(order("b")) for engine in engines)
    results = await asyncio.gather(*deploys, return_exceptions=True)
    assert sorted(type(error).__name__ for error in results).count("ReleaseFailed") == 1
    assert all(isinstance(error, ReleaseFailed | Refused) for error in results)
    assert world.platform.actions.count(f"start {spec('b').id}") == 1


async def test_a_denial_between_the_open_gate_and_the_claim_counts(world: World) -> None:
    """I4: whoever says no before anything was claimed has said it in time."""

    async def gate(plan: Plan) -> list[int]:
        denial = {"decision": "deny", "plan": plan.hash, "approver": "bianca@example.org"}
        world.ledger().append(Kind.APPROVAL, denial)
        return []

    with pytest.raises(ApprovalRefused, match="denied"):
        await replace(world.engine(), gate=gate).deploy(order("a"))
    assert world.platform.actions == []
    assert world.kinds() == [Kind.APPROVAL, Kind.REFUSED]


async def test_same_key_with_other_contents_is_refused(world: World) -> None:
    """E2: a key names one candidate in one environment."""
    await world.engine().deploy(order("a", key="build-7"))
    with pytest.raises(KeyReused):
        await world.engine().deploy(order("b", key="build-7"))
    assert world.platform.serving == spec("a").id


async def test_a_drill_is_told_that_the_environment_is_held(world: World) -> None:
    await release(world, "e", "a")
    started = threading.Event()

    def slow(context: StepContext) -> None:
        started.set()
        threading.Event().wait(0.5)

    world.platform.faults["containers healthy", spec("b").id] = slow
    deploy = asyncio.create_task(world.engine().deploy(order("b")))
    await asyncio.to_thread(started.wait, 5)
    with pytest.raises(Busy):
        await world.engine().drill("keeper", 30_000)
    assert (await deploy).outcome is Outcome.RELEASED


async def test_drill_goes_back_and_forth_and_measures(world: World) -> None:
    """N02, DC-09: the original serves afterwards and the time to restore is on record."""
    await release(world, "a", "b")
    result = await world.engine().drill("keeper", 30_000)
    assert result.outcome is Outcome.DRILLED
    assert world.platform.serving == spec("b").id
    drill = next(record for record in world.records() if record.kind is Kind.DRILL)
    assert drill.body["within_budget"] is True
    assert [good.spec.id for good in good_releases(world.records())][-1] == spec("b").id


async def test_drill_with_a_broken_way_back_ends_on_the_original(world: World) -> None:
    await release(world, "a", "b")
    world.platform.faults["containers healthy", spec("a").id] = failing(CrashLoop("gone stale"))
    with pytest.raises(ReleaseFailed, match="gone stale"):
        await world.engine().drill("keeper", 30_000)
    assert world.platform.serving == spec("b").id
    assert Kind.QUARANTINE not in world.kinds()


async def test_target_lost_while_restoring_leaves_the_claim_for_recovery(world: World) -> None:
    await release(world, "a")
    world.platform.faults["containers healthy", spec("b").id] = failing(CrashLoop("exit 1"))
    world.platform.faults["traffic switched", spec("a").id] = failing(Unreachable("engine died"))
    with pytest.raises(RestoreFailed, match="could not be restored yet"):
        await world.engine().deploy(order("b"))
    assert not world.is_settled()
    world.platform.faults.clear()
    world.outlive_lease()
    result = await world.engine().recover()
    assert result.outcome is Outcome.RESTORED
    assert world.platform.serving == spec("a").id


async def test_interrupted_deploy_goes_back_without_blaming_the_candidate(world: World) -> None:
    """A6: the first signal stops at a safe point; the candidate may be deployed again."""
    await release(world, "a")
    interruption = Interruption()

    def ask(context: StepContext) -> None:
        interruption.request()
        context.check()

    world.platform.faults["containers healthy", spec("b").id] = ask
    with pytest.raises(ReleaseFailed, match="an operator stopped the release"):
        await world.engine(interruption=interruption).deploy(order("b"))
    assert world.platform.serving == spec("a").id
    assert Kind.QUARANTINE not in world.kinds()
    world.platform.faults.clear()
    assert (await world.engine().deploy(order("b"))).outcome is Outcome.RELEASED


async def test_recover_is_refused_while_the_holder_lives(world: World) -> None:
    """B2: taken over after the lease ran out, never before."""
    from slipway.ledger import Ledger

    ledger: Ledger = world.ledger()
    body = {"goal": str(Goal.DEPLOY), "target": "shop/prod", "candidate": candidate("a")}
    ledger.append(Kind.CLAIM, {**body, "spec": spec("a").model_dump(mode="json")})
    with pytest.raises(Busy):
        await world.engine().recover()
    world.outlive_lease()
    assert (await world.engine().recover()).outcome is Outcome.REMOVED
