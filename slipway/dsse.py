"""DSSE envelopes signed with Ed25519, and the keys for them.

Format: https://github.com/secure-systems-lab/dsse (protocol.md, envelope.md), one signature each.
"""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from slipway.canonical import canonical_json
from slipway.errors import BadInput, SignatureRefused, Unreachable

IN_TOTO = "application/vnd.in-toto+json"
LONGEST_ENVELOPE = 32 * 1024 * 1024
_OTHERS = 0o077


def seal(payload: bytes, payload_type: str, key: Ed25519PrivateKey) -> bytes:
    """The envelope's canonical JSON."""
    envelope = Envelope(payload, payload_type, {})
    envelope.sign(CryptoSigner(key))
    return canonical_json(envelope.to_dict())


def unseal(data: bytes, payload_type: str, keys: Sequence[Ed25519PublicKey]) -> bytes:
    """The payload, where one of the keys signed it as that type.

    Raises:
        SignatureRefused: no envelope, another type, or no signature by one of the keys.
    """
    envelope = _open(data)
    if envelope.payload_type != payload_type:
        raise SignatureRefused(
            "the envelope holds another type of statement",
            found=ascii(envelope.payload_type[:100]),
            allowed=payload_type,
        )
    trusted: list[Key] = [SSlibKey.from_crypto(key) for key in keys]
    try:
        envelope.verify(trusted, threshold=1)
    except (VerificationError, ValueError) as error:
        raise SignatureRefused(
            "no trusted key signed the envelope",
            found="signed by " + ", ".join(ascii(name[:16]) for name in envelope.signatures),
            allowed=", ".join(name.keyid[:16] for name in trusted) or "no key is trusted yet",
            next_step="check the public keys that this machine trusts",
        ) from error
    return envelope.payload


def _open(data: bytes) -> Envelope:
    with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        if len(data) <= LONGEST_ENVELOPE:
            envelope = Envelope.from_dict(json.loads(data))
            if isinstance(envelope.payload_type, str):
                return envelope
    raise SignatureRefused(
        "the data is no DSSE envelope", allowed="payload, payloadType and signatures as JSON"
    )


def key_name(key: Ed25519PublicKey) -> str:
    """The key's id in envelopes, shortened for people."""
    return SSlibKey.from_crypto(key).keyid[:16]


def own_key(path: Path) -> Ed25519PrivateKey:
    """The private key in the PEM file, made at first use with mode 0600.

    Its public half is kept in `public_half(path)`.

    Raises:
        BadInput: the file holds no unencrypted Ed25519 private key, or others may read it.
        Unreachable: the file cannot be read or made.
    """
    try:
        if not path.exists():
            _make_key(path)
        mode, data = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise _unreachable(path, error) from error
    if mode & _OTHERS:
        raise BadInput(
            f"signing key {path} may be read by others",
            found=f"mode {mode & 0o777:04o}",
            allowed="0600",
            next_step=f"chmod 600 {path}",
        )
    key = parse_private_key(data, str(path))
    with suppress(OSError):  # only for others to read; the private half is what counts
        if not public_half(path).exists():
            public_half(path).write_bytes(public_pem(key.public_key()))
    return key


def public_half(path: Path) -> Path:
    """Where the public half of a key file is kept: `receipt.pem` has `receipt.pub.pem`."""
    return path.with_suffix(".pub.pem")


def parse_private_key(data: bytes, name: str) -> Ed25519PrivateKey:
    """An Ed25519 private key out of PEM.

    Raises:
        BadInput: the data is something else; the message tells the name, never the data.
    """
    key: object = None
    with suppress(ValueError, TypeError):
        key = serialization.load_pem_private_key(data, password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput(
            f"{name} is no signing key",
            allowed="an unencrypted Ed25519 private key as PEM",
            next_step="make one: openssl genpkey -algorithm ed25519 -out KEY",
        )
    return key


def parse_public_key(data: bytes, name: str) -> Ed25519PublicKey:
    """An Ed25519 public key out of PEM.

    Raises:
        BadInput: the data is something else.
    """
    key: object = None
    with suppress(ValueError, TypeError):
        key = serialization.load_pem_public_key(data)
    if not isinstance(key, Ed25519PublicKey):
        raise BadInput(
            f"{name} is no public key of a signer",
            allowed="an Ed25519 public key as PEM",
            next_step="make it: openssl pkey -in KEY -pubout",
        )
    return key


def public_keys(path: Path) -> list[Ed25519PublicKey]:
    """Every public key in a PEM file, or in the `*.pem` files of a folder.

    Raises:
        BadInput: a file holds no Ed25519 public key.
        Unreachable: the path cannot be read.
    """
    try:
        files = sorted(path.glob("*.pem")) if path.is_dir() else [path]
        return [parse_public_key(file.read_bytes(), str(file)) for file in files]
    except OSError as error:
        raise _unreachable(path, error) from error


def deployer_keys(own: Path, state: Path) -> list[Ed25519PublicKey]:
    """Public keys whose receipts and checkpoints count here.

    Args:
        own: file of the own private key; its public half counts once it was made.
        state: its folder `deployer-keys` holds those of other machines, as `*.pem`.
    """
    places = [public_half(own), state / "deployer-keys"]
    return [key for place in places if place.exists() for key in public_keys(place)]


def public_pem(key: Ed25519PublicKey) -> bytes:
    """The key as PEM."""
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def private_pem(key: Ed25519PrivateKey) -> bytes:
    """The key as unencrypted PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = Ed25519PrivateKey.generate()
    temporary = path.with_name(f".new-{os.getpid()}-{path.name}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(private_pem(key))
        stream.flush()
        os.fsync(stream.fileno())
    with suppress(FileExistsError):  # another process was first; its key is the one
        os.link(temporary, path)
    temporary.unlink()


def _unreachable(path: Path, error: OSError) -> Unreachable:
    return Unreachable(
        f"key file {path} cannot be used",
        found=error.strerror or type(error).__name__,
        next_step="mend access to it, then run the command again",
    )
