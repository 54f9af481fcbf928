"""Envelopes and keys."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from slipway.dsse import (
    IN_TOTO,
    deployer_keys,
    own_key,
    private_pem,
    public_half,
    public_keys,
    public_pem,
    seal,
    unseal,
)
from slipway.errors import BadInput, SignatureRefused, Unreachable

KEY = Ed25519PrivateKey.generate()
TRUSTED = [KEY.public_key()]


@given(st.binary(max_size=500))
def test_payload_comes_back_whole(payload: bytes) -> None:
    assert unseal(seal(payload, IN_TOTO, KEY), IN_TOTO, TRUSTED) == payload


def test_payload_type_is_signed_and_demanded() -> None:
    """F5: a statement of one kind passes for no other."""
    sealed = seal(b"{}", "text/other", KEY)
    with pytest.raises(SignatureRefused, match="another type"):
        unseal(sealed, IN_TOTO, TRUSTED)
    renamed = json.loads(sealed) | {"payloadType": IN_TOTO}
    with pytest.raises(SignatureRefused, match="no trusted key"):
        unseal(json.dumps(renamed).encode(), IN_TOTO, TRUSTED)


def test_one_of_several_trusted_keys_is_enough() -> None:
    others = [Ed25519PrivateKey.generate().public_key(), *TRUSTED]
    assert unseal(seal(b"x", IN_TOTO, KEY), IN_TOTO, others) == b"x"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b'"x"',
        b"{}",
        b'{"payload": 1}',
        b"[" * 100000,
        b'{"payload":"","payloadType":1,"signatures":[]}',
        b'{"payload":"","payloadType":"x","signatures":{}}',
    ],
    ids=range(9),
)
def test_what_is_no_envelope_is_refused(data: bytes) -> None:
    with pytest.raises(SignatureRefused):
        unseal(data, IN_TOTO, TRUSTED)


def test_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """G8: the deployer's key is the deployer's alone."""
    path = tmp_path / "key.pem"
    own_key(path)
    path.chmod(0o640)
    with pytest.raises(BadInput, match="0640; allowed: 0600"):
        own_key(path)


def test_what_is_no_key_is_named_but_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("s3cret")
    path.chmod(0o600)
    with pytest.raises(BadInput, match=r"key.pem is no signing key") as refusal:
        own_key(path)
    assert "s3cret" not in str(refusal.value)
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(other)
    with pytest.raises(BadInput, match="Ed25519"):
        own_key(path)


def test_public_keys_come_from_a_file_or_a_folder(tmp_path: Path) -> None:
    own_key(tmp_path / "receipt.pem")
    (tmp_path / "trusted").mkdir()
    (tmp_path / "trusted" / "a.pem").write_bytes(public_pem(KEY.public_key()))
    (tmp_path / "trusted" / "b.pem").write_bytes(public_half(tmp_path / "receipt.pem").read_bytes())
    assert len(public_keys(tmp_path / "trusted")) == 2
    assert public_keys(tmp_path / "trusted" / "a.pem") == TRUSTED
    (tmp_path / "trusted" / "c.pem").write_bytes(private_pem(KEY))
    with pytest.raises(BadInput, match=r"c\.pem is no public key"):
        public_keys(tmp_path / "trusted")
    with pytest.raises(Unreachable, match="missing"):
        public_keys(tmp_path / "missing.pem")


def test_keys_of_other_machines_count_beside_the_own(tmp_path: Path) -> None:
    own = tmp_path / "keys" / "receipt.pem"
    assert deployer_keys(own, tmp_path) == []
    mine = own_key(own).public_key()
    assert deployer_keys(own, tmp_path) == [mine]
    (tmp_path / "deployer-keys").mkdir()
    (tmp_path / "deployer-keys" / "worker.pem").write_bytes(public_pem(KEY.public_key()))
    assert deployer_keys(own, tmp_path) == [mine, *TRUSTED]


def test_key_in_a_folder_that_cannot_be_made_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unreachable, match="cannot be used"):
        own_key(tmp_path / "file" / "key.pem")
