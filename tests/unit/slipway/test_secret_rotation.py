"""Rotation on the memory platform with a real ledger: kills and failures everywhere (S0-10)."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from slipway.appfile import Secret
from slipway.errors import (
    ApprovalRefused,
    BadInput,
    CrashLoop,
    Interrupted,
    Refused,
    ReleaseFailed,
    SecretMissing,
    SlipwayError,
    Unreachable,
)
from slipway.execution import Result
from slipway.history import Outcome
from slipway.ledger import Kind
from slipway.secret_check import pins_of
from slipway.secret_rotation import (
    Move,
    Rotated,
    Rotation,
    check_new_value,
    forgettable,
    next_move,
    serving_candidate,
)
from tests.fakes.secrets import MemorySecrets
from tests.fakes.world import TARGET, World, candidate, order, spec

CASES = yaml.safe_load((Path(__file__).parents[2] / "cases" / "secret_rotation.yaml").read_text())
NAME = "database-url"
OLD, NEW, THIRD = (SecretStr(f"canary-{word}") for word in ("old", "new", "third"))


class Killed(BaseException):
    """Stands for a kill."""


@dataclass
class Shop:
    """A target whose release has one secret, in a store of its own."""

    world: World
    store: MemorySecrets = field(default_factory=MemorySecrets)
    notes: list[str] = field(default_factory=list)
    refusal: BaseException | None = None

    async def deploy(self) -> Result:
        if self.refusal:
            raise self.refusal
        versions = self.store.versions([NAME])
        return await self.world.engine().deploy(order("a", spec=spec("a", secrets=versions)))

    async def rotate(self, value: SecretStr | None) -> Rotated:
        """In a new process."""
        rotation = Rotation(
            self.store, NAME, self.world.records, self.deploy, self.notes.append, "RESUME"
        )
        return await rotation.carry_out(value)

    @property
    def serving(self) -> str | None:
        return pins_of(self.world.records()).serving.get(NAME)

    @property
    def newest(self) -> SecretStr:
        return self.store.read(NAME, self.store.state(NAME).version)

    def break_release(self, version: str) -> None:
        """A release with that version of the secret crashes."""

        def crash(context: object) -> None:
            raise CrashLoop("web exited with 1")

        faulty = spec("a", secrets={NAME: version})
        self.world.platform.faults["containers healthy", faulty.id] = crash


@pytest.fixture(params=[True, False], ids=["keeps versions", "keeps one version"])
async def shop(request, tmp_path):
    made = Shop(World(tmp_path), MemorySecrets(keeps_versions=request.param))
    made.store.write(NAME, OLD)
    await made.deploy()
    return made


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_what_comes_next(case):
    move = next_move(case["serving"], case["newest"], is_new=case["given"] == "other")
    assert move is Move[case["move"]]


async def test_new_version_is_rolled_out_with_the_same_candidate(shop):
    """S0-10: one more release of the same candidate; the version is all that changes."""
    done = await shop.rotate(NEW)
    assert (done.before, done.version, shop.serving) == ("1", "2", "2")
    assert done.result.outcome is Outcome.RELEASED
    claim = [r for r in shop.world.records() if r.kind is Kind.CLAIM][-1].body
    assert claim["candidate"] == candidate("a")
    assert [change["field"] for change in claim["changes"]] == [f"secret.{NAME}"]


async def test_the_version_of_the_way_back_is_kept_and_older_ones_are_forgotten(tmp_path):
    """N12: N-1 stays readable as long as a rollback would go to it."""
    shop = Shop(World(tmp_path))
    shop.store.write(NAME, OLD)
    await shop.deploy()
    assert (await shop.rotate(NEW)).forgotten == ()
    assert (await shop.rotate(THIRD)).forgotten == ("1",)
    assert list(shop.store.kept[NAME]) == ["2", "3"]


async def test_rotating_to_the_value_that_serves_does_nothing(shop):
    kinds, writes = shop.world.kinds(), shop.store.writes
    assert (await shop.rotate(OLD)).move is Move.NOTHING
    assert (await shop.rotate(None)).move is Move.NOTHING
    assert (shop.world.kinds(), shop.store.writes) == (kinds, writes)


@pytest.mark.parametrize("given", [NEW, None], ids=["same value again", "resumed"])
async def test_killed_between_write_and_rollout_the_next_run_finishes(shop, given):
    """A2: the old version serves until then, and nothing is written twice."""
    shop.refusal = Killed()
    with pytest.raises(Killed):
        await shop.rotate(NEW)
    assert (shop.serving, shop.store.writes) == ("1", 2)
    shop.refusal = None
    done = await shop.rotate(given)
    assert (done.move, shop.serving, shop.store.writes) == (Move.ROLL_OUT, "2", 2)


async def test_killed_in_the_rollout_the_next_run_settles_it_and_finishes(shop):
    """A2: the claim of the dead process is recovered first."""
    dying = shop.world.engine(observer=die_at("traffic switched", "acted"))
    shop.store.write(NAME, NEW)
    with pytest.raises(Killed):
        await dying.deploy(order("a", spec=spec("a", secrets=shop.store.versions([NAME]))))
    shop.world.outlive_lease()
    await shop.rotate(NEW)
    assert (shop.serving, shop.world.is_settled()) == ("2", True)


def die_at(name, point):
    def observer(step, at):
        if (step, at) == (name, point):
            raise Killed

    return observer


async def test_failing_release_leaves_the_old_version_serving_and_newest_by_value(shop):
    shop.break_release("2")
    with pytest.raises(ReleaseFailed):
        await shop.rotate(NEW)
    assert shop.serving == "1"
    assert shop.newest == OLD
    assert shop.notes[-1].startswith(f"the old version of {NAME} serves")


async def test_failing_rotation_does_not_quarantine_the_candidate_that_serves(shop):
    """N14: the value was bad, not the candidate; a better one is rolled out at once."""
    shop.break_release("2")
    with pytest.raises(ReleaseFailed):
        await shop.rotate(NEW)
    assert Kind.QUARANTINE not in shop.world.kinds()
    assert (await shop.rotate(THIRD)).result.outcome is Outcome.RELEASED


@pytest.mark.parametrize("error", [ApprovalRefused("denied"), Interrupted("stopped")])
async def test_a_closed_gate_puts_the_old_value_back(shop, error):
    shop.refusal = error
    with pytest.raises(SlipwayError):
        await shop.rotate(NEW)
    assert (shop.serving, shop.newest) == ("1", OLD)


@pytest.mark.parametrize("error", [Unreachable("engine away"), asyncio.CancelledError()])
async def test_what_may_pass_leaves_the_new_value_for_the_next_run(shop, error):
    shop.refusal = error
    with pytest.raises(type(error)):
        await shop.rotate(NEW)
    assert (shop.serving, shop.newest) == ("1", NEW)
    assert shop.notes[-1] == f"version 2 of {NAME} is stored; to finish: RESUME"


async def test_a_version_that_another_release_took_is_not_taken_from_it(shop):
    async def taken():
        await Shop(shop.world, shop.store).deploy()
        raise Refused("plan is stale")

    rotation = Rotation(shop.store, NAME, shop.world.records, taken, shop.notes.append, "RESUME")
    with pytest.raises(Refused):
        await rotation.carry_out(NEW)
    assert (shop.serving, shop.newest) == ("2", NEW)


async def test_a_store_that_fails_while_putting_back_is_told(shop):
    async def refuse():
        shop.store.fault = Unreachable("the store is away")
        raise ApprovalRefused("denied")

    rotation = Rotation(shop.store, NAME, shop.world.records, refuse, shop.notes.append, "RESUME")
    with pytest.raises(ApprovalRefused):
        await rotation.carry_out(NEW)
    assert "could not be stored: the store is away" in shop.notes[-1]


async def test_resuming_without_a_stored_value_names_the_secret(tmp_path):
    with pytest.raises(SecretMissing, match=NAME):
        await Shop(World(tmp_path)).rotate(None)


async def test_rollback_brings_the_older_version_back(shop):
    """N12: and the candidate is not put into quarantine for it."""
    await shop.rotate(NEW)
    await shop.world.engine().rollback("op", "the new password is refused")
    assert shop.serving == "1"
    assert Kind.QUARANTINE not in shop.world.kinds()


async def test_a_version_under_way_is_not_forgotten(shop):
    await shop.rotate(NEW)
    dying = shop.world.engine(observer=die_at("containers running", "acted"))
    with pytest.raises(Killed):
        await dying.deploy(order("a", spec=spec("a", secrets={NAME: "9"})))
    assert forgettable(shop.world.records(), NAME, "10") == []
    assert forgettable(shop.world.records(), NAME, "10", ["8", "9", "10"]) == ["8"]


def test_format_is_checked_before_anything_is_written():
    schema = {NAME: Secret(format="url", owner="data")}
    check_new_value(NAME, schema, SecretStr("postgres://db/x"))
    for name, value in ((NAME, "canary"), ("canary-name", "x"), ("other", "canary")):
        with pytest.raises(BadInput) as no:
            check_new_value(name, schema, SecretStr(value))
        assert value == "x" or "canary" not in f"{no.value!r}{no.value}{no.value.__cause__}"


def test_nothing_can_be_rotated_where_nothing_serves():
    with pytest.raises(Refused, match="nothing serves in shop/prod"):
        serving_candidate([], TARGET)


async def test_no_note_and_no_result_shows_a_value(shop):
    """G8: of all that was said, nothing holds a value."""
    said = [repr(await shop.rotate(NEW))]
    shop.break_release("3")
    with pytest.raises(ReleaseFailed) as failed:
        await shop.rotate(THIRD)
    said += [*shop.notes, repr(failed.value), str(shop.world.records())]
    assert "canary-" not in "".join(said)
