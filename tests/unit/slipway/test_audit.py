"""I7, N07: what an attacker may do to a ledger in a real directory, and which record is named."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from slipway.audit import Audit, audit_ledger, hold_to_checkpoint, require_sound
from slipway.checkpoint import Witness, checkpoint_now, checkpoint_of, sign_checkpoint
from slipway.directory_store import DirectoryStore
from slipway.dsse import own_key, public_half, public_keys
from slipway.errors import LedgerTampered
from slipway.ledger import Kind, Ledger
from slipway.release import Target

PROD = Target(app="shop", environment="prod")
STAGE = Target(app="shop", environment="stage")
LENGTH = 8


class World:
    """Two chains of eight records; checkpoints elsewhere of records 3 and 8."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = DirectoryStore(root / "ledger")
        self.elsewhere = DirectoryStore(root / "checkpoints")
        self.key = root / "keys" / "receipt.pem"

    def fill(self) -> "World":
        for target in (PROD, STAGE):
            ledger = Ledger(self.store, target, "robot")
            witness = Witness(target, self.elsewhere, self.key)
            for number in range(1, LENGTH + 1):
                ledger.append(Kind.OBSERVED, {"step": f"step {number}", "of": str(target)})
                if number in {3, LENGTH}:
                    checkpoint_now(ledger, witness)
        return self

    def path(self, number: int, target: Target = PROD) -> Path:
        folder = self.root / "ledger" / target.app / target.environment / "records"
        return folder / f"{number:09d}.json"

    def forget_checkpoints(self) -> None:
        shutil.rmtree(self.root / "checkpoints")

    def change(self, number: int, **fields: object) -> None:
        record = json.loads(self.path(number).read_bytes())
        self.write(number, {**record, **fields})

    def write(self, number: int, record: dict[str, object]) -> None:
        text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        self.path(number).write_text(text)

    def audit(self, target: Target = PROD) -> Audit:
        return audit_ledger(self.store, target, self.elsewhere, public_keys(public_half(self.key)))


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return World(tmp_path_factory.mktemp("world")).fill().root


@pytest.fixture
def world(pristine: Path, tmp_path: Path) -> World:
    return World(shutil.copytree(pristine, tmp_path / "world"))


def edit_the_body(world: World, number: int) -> None:
    world.change(number, body={"step": "something else"})


def edit_the_actor(world: World, number: int) -> None:
    world.change(number, actor="mallory")


def edit_the_link(world: World, number: int) -> None:
    world.change(number, previous="sha256:" + "0" * 64)


def reformat(world: World, number: int) -> None:
    world.path(number).write_text(json.dumps(json.loads(world.path(number).read_bytes()), indent=1))


def overwrite(world: World, number: int) -> None:
    world.path(number).write_bytes(b"\xff not a record")


def empty(world: World, number: int) -> None:
    world.path(number).write_bytes(b"")


def delete(world: World, number: int) -> None:
    world.path(number).unlink()


def copy_from_stage(world: World, number: int) -> None:
    shutil.copy(world.path(number, STAGE), world.path(number))


def copy_and_fit_from_stage(world: World, number: int) -> None:
    """The link backwards is mended, so that only the record after it tells."""
    previous = json.loads(world.path(number).read_bytes())["previous"]
    copy_from_stage(world, number)
    world.change(number, previous=previous)


ATTACKS = [
    edit_the_body,
    edit_the_actor,
    edit_the_link,
    reformat,
    overwrite,
    empty,
    delete,
    copy_from_stage,
    copy_and_fit_from_stage,
]


def test_untouched_ledger_is_sound(world: World) -> None:
    audit = world.audit()
    require_sound(audit)
    assert (audit.records, audit.checkpoint, audit.open_end) == (LENGTH, LENGTH, 0)
    assert audit.head == Ledger(world.store, PROD, "robot").records()[-1].digest


@pytest.mark.parametrize("number", range(1, LENGTH + 1))
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_attacked_record_is_named(
    world: World, attack: Callable[[World, int], None], number: int
) -> None:
    """I7: each attack on each record is named by its number; the other chain stays sound."""
    attack(world, number)
    with pytest.raises(LedgerTampered, match=f"record {number} ") as tampered:
        require_sound(world.audit())
    assert tampered.value.exit_code == 7
    assert world.audit().bad[0].number == number
    assert world.audit(STAGE).is_sound


@pytest.mark.parametrize("number", range(1, LENGTH - 1))
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_chain_alone_names_all_but_its_end(
    world: World, attack: Callable[[World, int], None], number: int
) -> None:
    """I7: without any checkpoint, records with two after them are still named."""
    world.forget_checkpoints()
    attack(world, number)
    assert world.audit().bad[0].number == number


@pytest.mark.parametrize("number", range(1, LENGTH))
def test_two_records_swapped_are_named(world: World, number: int) -> None:
    """I7: a reorder names the first of the two."""
    first, second = world.path(number).read_bytes(), world.path(number + 1).read_bytes()
    world.path(number).write_bytes(second)
    world.path(number + 1).write_bytes(first)
    bad = world.audit().bad
    assert [item.number for item in bad[:2]] == [number, number + 1]
    assert bad[0].why == f"says it is number {number + 1}"


@pytest.mark.parametrize("left", range(LENGTH))
def test_truncation_is_found_by_the_checkpoint(world: World, left: int) -> None:
    """I7: a chain that was cut verifies by itself; the checkpoint elsewhere tells."""
    for number in range(left + 1, LENGTH + 1):
        delete(world, number)
    assert len(Ledger(world.store, PROD, "robot").records()) == left
    (bad,) = world.audit().bad
    assert bad.number == left + 1
    assert f"the chain was cut after record {left}" in bad.why


def test_planted_record_far_ahead_is_one_finding(world: World) -> None:
    """I7: a file with a huge number makes neither the audit slow nor its answer long."""
    shutil.copy(world.path(1), world.path(999_999_999))
    assert [item.number for item in world.audit().bad] == [9, 999_999_999]
    assert world.audit().bad[0].why == "is missing, as are those up to 999999998"


def test_truncation_that_went_on_is_found(world: World) -> None:
    """I7: cut after record 6, then written on as if nothing had been."""
    delete(world, 7)
    delete(world, 8)
    ledger = Ledger(world.store, PROD, "robot")
    for _ in range(3):
        ledger.append(Kind.OBSERVED, {"step": "another past"})
    assert len(ledger.records()) == LENGTH + 1
    (bad,) = world.audit().bad
    assert bad.number == LENGTH
    assert "since record 3" in bad.why


def test_whole_chain_of_another_environment_is_named(world: World) -> None:
    """I7: stage's chain in prod's place, checkpoints and all."""
    shutil.rmtree(world.path(1).parent)
    shutil.copytree(world.path(1, STAGE).parent, world.path(1).parent)
    audit = world.audit()
    why = "does not begin the chain of shop/prod; it is a copy of record 1 of shop/stage"
    assert audit.bad[0].why == why


def test_history_rewritten_with_good_links_is_found(world: World) -> None:
    """I7: everything since record 5 written anew, each link right."""
    kept = [json.loads(world.path(number).read_bytes()) for number in range(5, LENGTH + 1)]
    for number in range(5, LENGTH + 1):
        delete(world, number)
    ledger = Ledger(world.store, PROD, "robot")
    for record in kept:
        ledger.append(Kind.OBSERVED, {**record["body"], "rewritten": True})
    assert world.audit().bad[0].number == LENGTH


def test_checkpoint_of_another_key_does_not_count(world: World) -> None:
    """I7: who rewrites the ledger cannot sign for it."""
    forged = checkpoint_of(PROD, Ledger(world.store, PROD, "robot").records()[3], "now")
    world.elsewhere.create(PROD, 4, sign_checkpoint(forged, Ed25519PrivateKey.generate()))
    audit = world.audit()
    assert not audit.bad
    assert "no trusted key signed" in audit.bad_checkpoints[0]
    with pytest.raises(LedgerTampered, match="checkpoint 4"):
        require_sound(audit)


def test_checkpoint_copied_from_another_environment_does_not_count(world: World) -> None:
    folder = world.root / "checkpoints" / "shop"
    name = f"records/{LENGTH:09d}.json"
    shutil.copy(folder / "stage" / name, folder / "prod" / name)
    assert "is a copy of another; found: number 8 of shop/stage" in world.audit().bad_checkpoints[0]


def test_end_without_checkpoint_is_told(world: World) -> None:
    """What nothing vouches for is not called verified."""
    Ledger(world.store, PROD, "robot").append(Kind.OBSERVED, {})
    audit = world.audit()
    assert audit.is_sound
    assert audit.open_end == 1


def hold(world: World) -> list[str]:
    keys = public_keys(public_half(world.key))
    return hold_to_checkpoint(Ledger(world.store, PROD, "robot"), world.elsewhere, keys)


def test_release_builds_only_on_the_chain_that_the_checkpoint_names(world: World) -> None:
    """I7: a chain that was cut, holed or written anew is not built upon."""
    assert hold(world) == ["ledger agrees with checkpoint 8"]
    Ledger(world.store, PROD, "robot").append(Kind.OBSERVED, {})
    assert hold(world) == ["ledger agrees with checkpoint 8"]
    edit_the_actor(world, 9)
    edit_the_actor(world, 8)
    delete(world, 9)
    with pytest.raises(LedgerTampered, match="not the one that checkpoint 8 names"):
        hold(world)
    delete(world, 4)
    with pytest.raises(LedgerTampered, match="found: 3 records") as tampered:
        hold(world)
    assert tampered.value.next_step == "slipway audit verify shop prod"


def test_chain_without_checkpoints_is_told(world: World) -> None:
    world.forget_checkpoints()
    assert hold(world) == ["no checkpoint of the ledger yet"]


def test_empty_ledger_is_sound(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    audit = audit_ledger(store, PROD, store, [])
    assert audit.is_sound
    assert (audit.records, audit.head) == (0, None)


def test_witness_that_cannot_write_tells_and_goes_on(tmp_path: Path) -> None:
    """A full or missing checkpoint disk does not undo what happened."""
    (tmp_path / "file").write_text("in the way")
    said: list[str] = []
    witness = Witness(PROD, DirectoryStore(tmp_path / "file"), tmp_path / "key.pem", said.append)
    ledger = Ledger(DirectoryStore(tmp_path / "ledger"), PROD, "robot")
    witness(ledger.append(Kind.OBSERVED, {}))
    assert said[0].startswith("no checkpoint for record 1")


@given(place=st.integers(0, 10_000), value=st.integers(0, 255), number=st.integers(1, LENGTH))
def test_any_byte_of_any_record(pristine: Path, place: int, value: int, number: int) -> None:
    """I7: one changed byte anywhere names exactly its record."""
    world = World(pristine)
    path = world.path(number)
    before = path.read_bytes()
    changed = bytearray(before)
    changed[place % len(before)] = value
    try:
        path.write_bytes(changed)
        bad = world.audit().bad
    finally:
        path.write_bytes(before)
    assert [item.number for item in bad] == ([] if bytes(changed) == before else [number])


def test_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "receipt.pem"
    first = own_key(path)
    assert own_key(path).private_bytes_raw() == first.private_bytes_raw()
    assert path.stat().st_mode & 0o777 == 0o600
    assert public_keys(public_half(path)) == [first.public_key()]
