"""The search for planted secrets finds each of them in every form, and nothing else (G8)."""

import base64
import gzip
import json
from urllib.parse import quote, quote_plus

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.rig.canaries import LENGTH, Canary, Sweep, forms, gunzip, key_canary, text_canary

CANARY = Canary("password", b"0123456+9abcdef0fedcba98765/3210")
TEXT = CANARY.text

LEAKS = {
    "raw": TEXT,
    "inside a JSON document": json.dumps({"a": {"b": [f"x{TEXT}y"]}}),
    "in an exception": repr(ValueError(TEXT)),
    "base64": base64.b64encode(CANARY.value).decode(),
    "one byte into base64": base64.b64encode(b"a" + CANARY.value).decode(),
    "as a basic login": base64.b64encode(b"robot:" + CANARY.value + b"\n").decode(),
    "as an engine's login": base64.urlsafe_b64encode(
        json.dumps({"username": "robot", "password": TEXT}).encode()
    ).decode(),
    "url-quoted": f"http://robot:{quote(TEXT, safe='')}@registry",
    "in a query": f"?password={quote_plus(TEXT)}",
    "hex": CANARY.value.hex(),
    "HEX": CANARY.value.hex().upper(),
    "halves swapped": TEXT[16:] + TEXT[:16],
    "first half": TEXT[:16],
    "second half": TEXT[16:],
    "shortened": TEXT[:20] + "...",
    "backwards": TEXT[::-1],
    "bytes as Python shows them": repr(CANARY.value),
}


@pytest.mark.parametrize("leak", LEAKS, ids=str)
def test_a_leak_is_found_in_each_form(leak: str) -> None:
    """G8: with the place and what leaked."""
    hits = Sweep((CANARY,)).hits([("clean.log", b"nothing"), ("a.log", LEAKS[leak].encode())])
    assert {(hit.place, hit.canary) for hit in hits} == {("a.log", "password")}


def test_a_leak_is_found_as_text_of_two_bytes() -> None:
    assert Sweep((CANARY,)).hits([("a", TEXT.encode("utf-16"))])


def test_a_leak_is_found_in_what_is_compressed() -> None:
    """G8: also where the end of the file is missing."""
    packed = gzip.compress(b"x" * 10_000 + CANARY.value + b"y" * 10_000)
    for data in (packed, packed[:-8]):
        hits = Sweep((CANARY,)).hits([("blob", data)])
        assert {hit.place for hit in hits} == {"blob (unzipped)"}


@pytest.mark.parametrize(
    "innocent",
    [b"", b"password", TEXT[:15].encode(), TEXT[1:16].encode(), b"0" * 1000, bytes(range(256)) * 9],
)
def test_what_is_no_leak_is_not_found(innocent: bytes) -> None:
    assert Sweep((CANARY,)).hits([("a", innocent)]) == []


def test_a_key_is_found_in_its_files() -> None:
    """G8: as PEM body, as OpenSSH's format, as bytes."""
    key = Ed25519PrivateKey.generate()
    sweep = Sweep((key_canary("key", key),))
    kinds = [
        (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8),
        (serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH),
        (serialization.Encoding.DER, serialization.PrivateFormat.PKCS8),
    ]
    for encoding, form in kinds:
        data = key.private_bytes(encoding, form, serialization.NoEncryption())
        assert sweep.hits([("a", data)]), form
    public = key.public_key().public_bytes_raw()
    assert sweep.hits([("a", public + public.hex().encode() + base64.b64encode(public))]) == []


def test_planted_secrets_differ_and_need_quoting() -> None:
    one, other = text_canary("a"), text_canary("a")
    assert len(one.value) == LENGTH
    assert one.value != other.value
    assert not set(forms(one.value).values()) & set(forms(other.value).values())
    assert quote(one.text[:16], safe="") != one.text[:16]
    assert quote(one.text[16:], safe="") != one.text[16:]


def test_what_is_no_gzip_after_all_ends_the_search() -> None:
    assert gunzip(gzip.compress(b"abc")) == b"abc"
