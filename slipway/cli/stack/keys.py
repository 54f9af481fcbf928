"""The key pair of this stack's builds: private for the builder, public for those who deploy."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from slipway.cli.stack.secret_files import write_private


def ensure_key_pair(private: Path, trusted: Path) -> None:
    """Make an Ed25519 key as PEM (mode 0600), once, and put its public half where it is trusted.

    Args:
        private: the private key's file.
        trusted: folder of public keys whose attestations count.
    """
    if not private.exists():
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_private(private, pem.decode())
    loaded = serialization.load_pem_private_key(private.read_bytes(), None)
    public = loaded.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    trusted.mkdir(parents=True, exist_ok=True)
    (trusted / f"{private.stem}.pem").write_bytes(public)
