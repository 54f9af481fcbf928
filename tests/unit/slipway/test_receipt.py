"""N06: receipts written by the engine, verified offline and demanded by the next environment."""

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from slipway.audit import audit_ledger
from slipway.checkpoint import Witness
from slipway.directory_store import DirectoryStore
from slipway.dsse import IN_TOTO, own_key, seal, unseal
from slipway.errors import ReceiptMissing, SignatureRefused
from slipway.ledger import Kind
from slipway.opening import Admitted
from slipway.receipt import (
    DEPLOYMENT_TYPE,
    Deployment,
    ReceiptDemand,
    Receipts,
    receipt_of,
    verify_receipt,
)
from slipway.statement import parse_statement
from tests.fakes.world import TARGET, World, candidate, order, spec

APPROVER = {"approver": "alice@example.org", "fingerprint": "SHA256:abc", "nonce": "0"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "ledger")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "receipt.pem"


async def release(world: World, key: Path, version: str = "a") -> bytes:
    """Release a version with one recorded approval; the receipt's bytes."""
    ledger = world.ledger()
    number = ledger.append(Kind.APPROVAL, APPROVER).number

    async def gate(plan: object) -> list[int]:
        return [number]

    engine = world.engine(receipt=Receipts(ledger, key))
    admitted = Admitted(facts=("scan of web passes: 1 LOW",))
    engine = type(engine)(engine.tools, lambda order, plan: admitted, gate)
    result = await engine.deploy(order(version))
    data = ledger.store.read_evidence(TARGET, str(result.receipt))
    assert data is not None
    return data


async def test_receipt_says_what_was_done(world: World, key: Path) -> None:
    """N06: environment, release before and after, plan, approvals, scan, verification, record."""
    await release(world, key, "a")
    said = verify_receipt(await release(world, key, "b"), [own_key(key).public_key()])
    records = world.records()
    claim = next(record for record in reversed(records) if record.kind is Kind.CLAIM)
    verified = records[said.record - 1]
    assert (said.app, said.environment) == (TARGET.app, TARGET.environment)
    assert (said.before, said.after) == (spec("a").id, spec("b").id)
    assert said.candidate == candidate("b")
    assert said.plan_hash == claim.body["plan_hash"]
    assert said.admitted == ("scan of web passes: 1 LOW",)
    assert [item.approver for item in said.approvals] == ["alice@example.org"]
    assert [item["step"] for item in said.verification] == ["release verified"]
    assert (verified.kind, verified.digest) == (Kind.VERIFIED, said.record_digest)
    assert (said.requested_by, said.actor, said.claim) == ("ci", "tester", claim.number)


async def test_subjects_are_candidate_and_images(world: World, key: Path) -> None:
    """N06: an in-toto statement v1 whose subjects are exactly the digests that run."""
    payload = unseal(await release(world, key), IN_TOTO, [own_key(key).public_key()])
    assert json.loads(payload)["_type"] == "https://in-toto.io/Statement/v1"
    statement = parse_statement(payload)
    assert statement.predicate_type == DEPLOYMENT_TYPE
    assert statement.subjects == {"shop": f"sha256:{'a' * 64}", "shop/web": f"sha256:{'a' * 64}"}


async def test_every_changed_byte_is_refused(world: World, key: Path) -> None:
    """N06: flipping one byte of the payload or of the signature fails."""
    data, keys = await release(world, key), [own_key(key).public_key()]
    envelope = json.loads(data)
    payload = bytearray(base64.b64decode(envelope["payload"]))
    for place in range(len(payload)):
        changed = bytearray(payload)
        changed[place] ^= 1
        forged = {**envelope, "payload": base64.b64encode(changed).decode()}
        with pytest.raises(SignatureRefused):
            verify_receipt(json.dumps(forged).encode(), keys)
    signature = envelope["signatures"][0]
    forged = {**envelope, "signatures": [{**signature, "sig": "AAAA" + signature["sig"][4:]}]}
    with pytest.raises(SignatureRefused):
        verify_receipt(json.dumps(forged).encode(), keys)


async def test_receipt_of_another_key_is_refused(world: World, key: Path) -> None:
    data = await release(world, key)
    with pytest.raises(SignatureRefused, match="no trusted key signed"):
        verify_receipt(data, [Ed25519PrivateKey.generate().public_key()])
    with pytest.raises(SignatureRefused, match="no key is trusted yet"):
        verify_receipt(data, [])


async def test_next_environment_demands_the_receipt(world: World, key: Path) -> None:
    """N06: the promotion chain; without a receipt, or with a damaged one, the gate stays closed."""
    ledger = world.ledger()
    demand = ReceiptDemand(ledger.store, lambda: [own_key(key).public_key()])
    with pytest.raises(ReceiptMissing, match="no release of it was closed with one"):
        demand(order("a"), TARGET)
    await release(world, key)
    (fact,) = demand(order("a"), TARGET)
    assert "of shop/prod, record" in fact
    with pytest.raises(ReceiptMissing):
        demand(order("b"), TARGET)


async def test_receipt_that_is_gone_or_changed_is_refused(world: World, key: Path) -> None:
    ledger = world.ledger()
    demand = ReceiptDemand(ledger.store, lambda: [own_key(key).public_key()])
    await release(world, key)
    digest = str(receipt_of(candidate("a"), world.records()))
    (path,) = world.folder.glob(f"*/*/evidence/{digest.removeprefix('sha256:')}")
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"sig":"', b'"sig":"AA'))
    with pytest.raises(SignatureRefused):
        demand(order("a"), TARGET)
    path.write_bytes(data + b"\n")
    with pytest.raises(SignatureRefused, match="does not agree with its ledger"):
        demand(order("a"), TARGET)
    path.unlink()
    with pytest.raises(ReceiptMissing, match="no evidence sha256"):
        demand(order("a"), TARGET)


@pytest.mark.parametrize(
    "forged",
    [
        {"environment": "stage"},
        {"candidate": candidate("b")},
        {"record": 1},
        {"record": 10_000},
        {"record_digest": "sha256:" + "0" * 64},
    ],
    ids=lambda forged: next(iter(forged)),
)
async def test_receipt_that_says_something_else_is_refused(
    world: World, key: Path, forged: dict[str, object]
) -> None:
    """N06: even signed by the right key, it must agree with the ledger it comes from."""
    ledger = world.ledger()
    statement = parse_statement(
        unseal(await release(world, key), IN_TOTO, [own_key(key).public_key()])
    )
    other = type(statement)(
        statement.subjects, statement.predicate_type, {**statement.predicate, **forged}
    )
    digest = ledger.store.keep_evidence(TARGET, seal(other.payload(), IN_TOTO, own_key(key)))
    ledger.append(Kind.CLOSED, {"outcome": "released", "receipt": digest})
    demand = ReceiptDemand(ledger.store, lambda: [own_key(key).public_key()])
    with pytest.raises(SignatureRefused):
        demand(order("a"), TARGET)


@pytest.mark.parametrize("changes", ["subjects", "predicate_type"])
async def test_receipt_is_about_the_candidate_it_names(
    world: World, key: Path, changes: str
) -> None:
    """N06: offline too, the subjects must hold the candidate that the predicate names."""
    keys = [own_key(key).public_key()]
    statement = parse_statement(unseal(await release(world, key), IN_TOTO, keys))
    other = {"subjects": {"shop": f"sha256:{'b' * 64}"}, "predicate_type": "urn:other:v1"}
    sealed = seal(replace(statement, **{changes: other[changes]}).payload(), IN_TOTO, own_key(key))
    with pytest.raises(SignatureRefused, match="not about the candidate"):
        verify_receipt(sealed, keys)


async def test_other_signed_statements_are_no_receipts(key: Path) -> None:
    sealed = seal(b'{"_type": "x"}', IN_TOTO, own_key(key))
    with pytest.raises(SignatureRefused, match="no receipt of a deployment"):
        verify_receipt(sealed, [own_key(key).public_key()])


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_by_name(data: bytes) -> None:
    with pytest.raises(SignatureRefused):
        verify_receipt(data, [])


async def test_engine_closes_with_a_checkpoint(world: World, key: Path, tmp_path: Path) -> None:
    """N07: every close is followed by a checkpoint elsewhere, and the audit rests on it."""
    elsewhere = DirectoryStore(tmp_path / "elsewhere")
    witness = Witness(TARGET, elsewhere, key)
    await world.engine(after_close=witness).deploy(order("a"))
    audit = audit_ledger(world.ledger().store, TARGET, elsewhere, [own_key(key).public_key()])
    assert audit.is_sound
    assert audit.checkpoint == audit.records == len(world.records())


def test_predicate_is_documented() -> None:
    """Every field of the predicate is in docs/ledger.md."""
    text = Path("docs/ledger.md").read_text()
    assert [name for name in Deployment.model_fields if f"`{name}`" not in text] == []
