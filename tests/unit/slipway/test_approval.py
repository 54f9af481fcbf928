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
from slipway.appfile import Gate
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
from slipway.errors import BadInput, SignatureRefused
from slipway.gate import Reason, may_open

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


def test_signature_by_an_enrolled_key_opens_the_gate(keys: Path, sign: Callable[..., str]) -> None:
    """N01: from the key to the open gate."""
    approval = verify_approval(sign(statement()), keys / "allowed", NOW)
    assert approval.principals == {"alice@example.org", "alice"}
    assert may_open(Gate(approvals=1), request(), [approval], NOW).answer == "open"


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
    verdict = may_open(Gate(approvals=1), request(requested_by="alice"), [approval], NOW)
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
