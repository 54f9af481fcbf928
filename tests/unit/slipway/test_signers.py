"""The allowed-signers file is stricter than SSH's own."""

from pathlib import Path

import pytest

from slipway.errors import BadInput, SignatureRefused, Unreachable
from slipway.signers import namespace, parse_signers, read_signers

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"


def test_entries_are_read_with_their_roles() -> None:
    text = f"""
    # people
    alice@example.org,alice namespaces="prod.approval.slipway,stage.approval.slipway" {KEY} a's key
    bob\tnamespaces="*.approval.slipway",valid-before="20270101Z",cert-authority {KEY}
    """
    alice, bob = parse_signers(text.encode())
    assert alice.principals == ("alice@example.org", "alice")
    assert alice.namespaces == (namespace("prod"), namespace("stage"))
    assert (alice.line, alice.key_type) == (3, "ssh-ed25519")
    assert bob.options == {
        "namespaces": "*.approval.slipway",
        "valid-before": "20270101Z",
        "cert-authority": "",
    }


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f"alice {KEY}", "no namespaces"),
        (f'alice namespaces="" {KEY}', "no namespaces"),
        (f'alice valid-before="20270101Z" {KEY}', "no namespaces"),
        (f'* namespaces="prod.approval.slipway" {KEY}', "'\\*'"),
        (f'*@example.org namespaces="prod.approval.slipway" {KEY}', "no patterns"),
        (f'alice,!bob namespaces="prod.approval.slipway" {KEY}', "'!bob'"),
        (f'"alice" namespaces="prod.approval.slipway" {KEY}', "principal"),
        (f"alice namespaces=prod {KEY}", "options"),
        (f'alice namespaces="prod {KEY}', "options"),
        ('alice namespaces="prod.approval.slipway"', "KEY-TYPE KEY"),
        ("alice", "options|KEY-TYPE"),
    ],
)
def test_weak_or_malformed_entry_is_refused_by_its_line(line: str, says: str) -> None:
    """I1: a role for everything, or a key that speaks for anybody, is no enrolment."""
    with pytest.raises(BadInput, match=says) as refusal:
        parse_signers(f"# first\n{line}\n".encode())
    assert "line 2" in str(refusal.value)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(BadInput, match="not text"):
        parse_signers(b"\xff\xfe")
    with pytest.raises(BadInput, match="too long"):
        parse_signers(b"#" * 2_000_000)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="cannot be read"):
        read_signers(tmp_path / "allowed")


def test_file_that_everybody_may_write_is_refused(tmp_path: Path) -> None:
    """I1: who may write the file may approve anything."""
    path = tmp_path / "allowed"
    path.write_text(f'alice namespaces="prod.approval.slipway" {KEY}\n')
    path.chmod(0o666)
    with pytest.raises(SignatureRefused, match="0666"):
        read_signers(path)
    path.chmod(0o644)
    assert len(read_signers(path)) == 1
