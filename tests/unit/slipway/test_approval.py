"""Approvals with real keys and the real ssh-keygen."""

import subprocess
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway import sshsig
from slipway.approval import (
    PREFIX,
    ApprovalRequest,
    Decision,
    Statement,
    armor,
    open_armor,
    sign_statement,
    verify_approval,
)
from slipway.canonical import sha256_digest
from slipway.errors import ApprovalRefused, BadInput, SignatureRefused
from slipway.gate import Gate, Reason, may_open
from slipway.gatekeeper import (
    approval_body,
    last_request,
    recorded_approvals,
    refuse_replay,
    request_body,
    spent_nonces,
)
from slipway.ledger import Kind, Record

NOW = datetime(2026, 11, 21, 12, 5, tzinfo=UTC)
CANDIDATE = sha256_digest(b"candidate")
PLAN = sha256_digest(b"plan")


def statement(approver: str = "alice@example.org", **changes: object) -> Statement:
    fields = {
        "candidate": CANDIDATE,
        "app": "shop",
        "environment": "prod",
        "plan": PLAN,
        "decision": Decision.APPROVE,
        "approver": approver,
        "expires": NOW + timedelta(minutes=30),
    }
    return Statement.model_validate({**fields, **changes})


def request(**changes: object) -> ApprovalRequest:
    fields = {
        "candidate": CANDIDATE,
        "app": "shop",
        "environment": "prod",
        "plan_hash": PLAN,
        "requested_by": "robot",
        "requested_at": NOW - timedelta(minutes=5),
    }
    return ApprovalRequest.model_validate({**fields, **changes})


def record(number: int, kind: Kind, body: dict[str, object], time: str = "") -> Record:
    return Record(
        number=number,
        previous="",
        time=time or "2026-11-21T12:04:00.000Z",
        actor="robot",
        kind=kind,
        body=body,
    )


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys of four people; the allowed-signers file gives each another role."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("alice", "bob", "carol", "mallory"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name]
        subprocess.run(command, cwd=folder, check=True)
    roles = {
        "alice": 'alice@example.org,alice namespaces="*.approval.slipway"',
        "bob": 'bob@example.org namespaces="stage.approval.slipway"',
        "carol": 'carol@example.org namespaces="*.approval.slipway",valid-before="20261101Z"',
    }
    lines = [f"{role} {(folder / f'{name}.pub').read_text()}" for name, role in roles.items()]
    (folder / "allowed").write_text("# who may open what\n\n" + "".join(lines))
    return folder


@pytest.fixture(scope="module")
def sign(keys: Path) -> Callable[..., str]:
    return lambda what, by="alice": sign_statement(what, keys / by)


def test_signature_by_an_enrolled_key_opens_the_gate(keys: Path, sign: Callable[..., str]) -> None:
    """N01: from the key to the open gate."""
    approval = verify_approval(sign(statement()), keys / "allowed", NOW)
    assert approval.principals == {"alice@example.org", "alice"}
    assert may_open(Gate(), request(), [approval], NOW).answer == "open"


def test_fingerprint_is_the_one_that_ssh_prints(keys: Path, sign: Callable[..., str]) -> None:
    listed = subprocess.run(
        ["ssh-keygen", "-l", "-f", keys / "alice.pub"], capture_output=True, text=True, check=True
    )
    approval = verify_approval(sign(statement()), keys / "allowed", NOW)
    assert approval.fingerprint == listed.stdout.split()[1]


def test_requester_under_the_keys_second_name_is_found(
    keys: Path, sign: Callable[..., str]
) -> None:
    """I2: the key is enrolled as alice@example.org and alice; alice requested."""
    approval = verify_approval(sign(statement()), keys / "allowed", NOW)
    verdict = may_open(Gate(), request(requested_by="alice"), [approval], NOW)
    assert [item.reason for item in verdict.discounted] == [Reason.REQUESTER]


@pytest.mark.parametrize(
    ("by", "approver", "says"),
    [
        ("mallory", "alice@example.org", "is not enrolled"),
        ("bob", "alice@example.org", "not enrolled for alice@example.org"),
        ("bob", "bob@example.org", "lacks the role prod.approval.slipway"),
        ("carol", "carol@example.org", "no longer valid"),
    ],
)
def test_signature_by_the_wrong_key_is_refused(
    keys: Path, sign: Callable[..., str], by: str, approver: str, says: str
) -> None:
    """I1: a name proves nothing; unknown, other, unentitled and expired keys are refused."""
    text = sign(statement(approver), by)
    with pytest.raises(SignatureRefused) as refusal:
        verify_approval(text, keys / "allowed", NOW)
    assert says in str(refusal.value)
    assert "enrol" in str(refusal.value.next_step)


def test_role_of_one_environment_is_enough_for_it(keys: Path, sign: Callable[..., str]) -> None:
    text = sign(statement("bob@example.org", environment="stage"), "bob")
    assert verify_approval(text, keys / "allowed", NOW).principals == {"bob@example.org"}


def test_expired_key_was_valid_before(keys: Path, sign: Callable[..., str]) -> None:
    """valid-before is judged by the time given, so an audit can look back."""
    text = sign(statement("carol@example.org"), "carol")
    verify_approval(text, keys / "allowed", datetime(2026, 10, 1, tzinfo=UTC))


@pytest.mark.parametrize("field", ["candidate", "app", "environment", "plan", "decision", "nonce"])
def test_changed_statement_is_refused(keys: Path, sign: Callable[..., str], field: str) -> None:
    """I3: SLSA's "modify after review", for every field that is signed."""
    original, signature = open_armor(sign(statement()))
    other = {
        "candidate": sha256_digest(b"other"),
        "app": "billing",
        "environment": "stage",
        "plan": sha256_digest(b"other"),
        "decision": Decision.DENY,
        "nonce": "0" * 32,
    }
    forged = original.model_copy(update={field: other[field]})
    text = armor(forged, signature)
    with pytest.raises(SignatureRefused, match="does not hold"):
        verify_approval(text, keys / "allowed", NOW)


def test_signature_for_another_purpose_is_refused(keys: Path) -> None:
    """A key's signature under another namespace, as git makes, is no approval."""
    what = statement()
    signature = sshsig.sign(what.data, keys / "alice", "git")
    text = armor(what, signature)
    with pytest.raises(SignatureRefused, match="does not hold"):
        verify_approval(text, keys / "allowed", NOW)


def test_wrapped_by_a_form_it_still_reads(keys: Path, sign: Callable[..., str]) -> None:
    text = sign(statement())
    wrapped = "\n ".join(text[start : start + 60] for start in range(0, len(text), 60))
    assert verify_approval(f" {wrapped}\r\n", keys / "allowed", NOW).text == text


def test_agent_signs_with_a_public_key(keys: Path, tmp_path: Path, monkeypatch) -> None:
    """The private key may live in the agent alone."""
    socket = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        while not socket.exists():
            assert agent.poll() is None
        subprocess.run(["ssh-add", "-q", str(keys / "alice")], check=True)
        public = tmp_path / "alice.pub"
        public.write_bytes((keys / "alice.pub").read_bytes())
        verify_approval(sign_statement(statement(), public), keys / "allowed", NOW)
    finally:
        agent.terminate()
        agent.wait()


def test_key_that_cannot_sign_is_bad_input(keys: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no file"):
        sign_statement(statement(), tmp_path / "none")
    broken = tmp_path / "broken"
    broken.write_text("no key")
    with pytest.raises(BadInput, match="could not sign"):
        sign_statement(statement(), broken)


@given(st.text(max_size=200))
def test_any_text_is_refused_by_name(text: str) -> None:
    with pytest.raises(SignatureRefused):
        open_armor(text)


@given(st.integers(0, 10_000), st.sampled_from("AZ09_-.~ \x00\u00e9"))
def test_any_one_character_changed_is_refused(place: int, character: str) -> None:
    """I3: no character of the armored form may differ."""
    place %= len(_SIGNED)
    changed = _SIGNED[:place] + character + _SIGNED[place + 1 :]
    if changed != _SIGNED and not character.isspace():
        with suppress(SignatureRefused):
            assert open_armor(changed) != open_armor(_SIGNED)


_SIGNED = armor(statement(nonce="ab" * 16), b"SSHSIG\x00\x00\x00\x01\x00\x00\x00\x04keys rest")


def test_too_long_a_text_is_refused() -> None:
    with pytest.raises(SignatureRefused, match="16384"):
        open_armor(PREFIX + "." + "A" * 20_000 + ".A")


def test_replayed_approval_is_refused(keys: Path, sign: Callable[..., str]) -> None:
    """I3: the ledger takes each nonce once."""
    approval = verify_approval(sign(statement()), keys / "allowed", NOW)
    refuse_replay([], approval)
    seen = [record(7, Kind.APPROVAL, approval_body(approval))]
    with pytest.raises(ApprovalRefused, match="its nonce in record 7"):
        refuse_replay(seen, approval)


def test_approvals_are_verified_again_when_read(keys: Path, sign: Callable[..., str]) -> None:
    """I1: a record that somebody wrote by hand proves nothing."""
    good = approval_body(verify_approval(sign(statement()), keys / "allowed", NOW))
    original, signature = open_armor(sign(statement(), "mallory"))
    forged = {**good, "text": armor(original, signature)}
    records = [
        record(1, Kind.REQUESTED, request_body(request())),
        record(2, Kind.APPROVAL, forged),
        record(3, Kind.APPROVAL, {"approver": "alice@example.org", "decision": "approve"}),
        record(4, Kind.APPROVAL, good),
    ]
    approvals, rejected = recorded_approvals(records, keys / "allowed", NOW)
    assert [item.statement.nonce for item in approvals] == [good["nonce"]]
    assert [line.split(":")[0] for line in rejected] == ["record 2", "record 3"]
    assert approvals[0].recorded.minute == 4


def test_claim_spends_its_approvals(keys: Path, sign: Callable[..., str]) -> None:
    """I3: what opened a gate once opens none again."""
    approval = verify_approval(sign(statement()), keys / "allowed", NOW)
    nonce = approval.statement.nonce
    spent = spent_nonces([record(9, Kind.CLAIM, {"goal": "deploy", "approvals": [nonce]})])
    verdict = may_open(Gate(), request(), [approval], NOW, spent)
    assert [item.reason for item in verdict.discounted] == [Reason.SPENT]


def test_last_request_is_found_by_plan() -> None:
    first, second = request(), request(plan_hash=sha256_digest(b"second"))
    records = [
        record(1, Kind.REQUESTED, request_body(first)),
        record(2, Kind.REQUESTED, request_body(second)),
    ]
    assert last_request(records) == second
    assert last_request(records, PLAN) == first
    with pytest.raises(BadInput, match="no gate waits"):
        last_request(records, sha256_digest(b"third"))
    with pytest.raises(BadInput, match="no gate waits"):
        last_request([])


def test_commands_are_argument_lists(tmp_path: Path, monkeypatch) -> None:
    """G1: what users give is one argument each, and a path never reads as an option."""
    monkeypatch.chdir(tmp_path)
    assert sshsig.sign_command(Path("-key; $(x)"), "prod.approval.slipway") == [
        "ssh-keygen",
        "-Y",
        "sign",
        "-f",
        f"{tmp_path}/-key; $(x)",
        "-n",
        "prod.approval.slipway",
    ]
