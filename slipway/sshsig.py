"""SSH signatures through `ssh-keygen -Y`: sign, find principals, verify.

The command's arguments are built as data and nothing of them is ever read by a shell. Formats:
PROTOCOL.sshsig of OpenSSH for signatures, ssh-keygen(1) "ALLOWED SIGNERS" for the list of keys.
"""

import base64
import binascii
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from slipway.errors import BadInput, SignatureRefused, Unreachable

_MAGIC = b"SSHSIG\x00\x00\x00\x01"
_VERIFY_SECONDS = 10
_SIGN_SECONDS = 120  # a hardware key waits for a touch
_SIGN_ENVIRONMENT = ("HOME", "PATH", "SSH_AUTH_SOCK", "SSH_ASKPASS", "DISPLAY", "TERM")


def sign_command(key: Path, namespace: str) -> list[str]:
    """Signs standard input; a public key's path makes ssh-keygen ask the agent."""
    return ["ssh-keygen", "-Y", "sign", "-f", str(key.absolute()), "-n", namespace]


def find_command(signers: Path, signature: Path, at: datetime) -> list[str]:
    """Prints the principals that the signature's key is enrolled for at that time, one a line."""
    return ["ssh-keygen", "-Y", "find-principals", *_files(signers, signature, at)]


def verify_command(
    signers: Path, signature: Path, at: datetime, principal: str, namespace: str
) -> list[str]:
    """Verifies standard input."""
    who = ["-I", principal, "-n", namespace]
    return ["ssh-keygen", "-Y", "verify", *who, *_files(signers, signature, at)]


def _files(signers: Path, signature: Path, at: datetime) -> list[str]:
    moment = at.astimezone(UTC).strftime("%Y%m%d%H%M%SZ")
    return ["-f", str(signers.absolute()), "-s", str(signature), f"-Overify-time={moment}"]


def sign(message: bytes, key: Path, namespace: str) -> bytes:
    """Sign with a private key file, or through the agent where `key` is a public key's file.

    Returns:
        The signature's binary form.

    Raises:
        BadInput: there is no such key, or ssh-keygen could not use it.
        Unreachable: there is no ssh-keygen, or nobody touched or unlocked the key in time.
    """
    if not key.is_file():
        raise BadInput(
            "signing key cannot be read",
            found=f"no file {str(key)!r}",
            next_step="name a private key, or the public key of one that the agent holds",
        )
    environment = {name: os.environ[name] for name in _SIGN_ENVIRONMENT if name in os.environ}
    done = _run(sign_command(key, namespace), message, environment, _SIGN_SECONDS)
    if done.returncode != 0:
        raise BadInput(
            "ssh-keygen could not sign with that key",
            found=done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:200],
            next_step=f"try it by hand: ssh-keygen -Y sign -f {key} -n {namespace}",
        )
    return from_armor(done.stdout.decode("ascii", errors="replace"))


@dataclass(frozen=True, slots=True)
class AllowedSigners:
    """An allowed-signers file as of one moment, asked through ssh-keygen.

    Raises:
        Unreachable: from both methods, where ssh-keygen is missing.
    """

    path: Path
    at: datetime

    def principals(self, signature: bytes) -> frozenset[str]:
        """Everybody whom the signature's key is enrolled for; empty where nobody.

        This alone proves nothing about a message.
        """
        with _signature_file(signature) as path:
            done = _run(find_command(self.path, path, self.at))
        found = done.stdout.decode(errors="replace").split() if done.returncode == 0 else []
        return frozenset(found)

    def verifies(self, message: bytes, signature: bytes, principal: str, namespace: str) -> bool:
        """Whether the principal signed the message for the namespace with a key valid then."""
        with _signature_file(signature) as path:
            command = verify_command(self.path, path, self.at, principal, namespace)
            return _run(command, message).returncode == 0


def fingerprint(signature: bytes) -> str:
    """`SHA256:...` of the public key inside the signature, as `ssh-keygen -l` prints it.

    Raises:
        SignatureRefused: the bytes are no SSH signature.
    """
    start = len(_MAGIC) + 4
    length = int.from_bytes(signature[len(_MAGIC) : start], "big")
    key = signature[start : start + length]
    if not signature.startswith(_MAGIC) or not key or len(key) != length:
        raise SignatureRefused("the signature is not in SSH's format", allowed="SSHSIG version 1")
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def to_armor(signature: bytes) -> str:
    """The text form that ssh-keygen reads."""
    body = base64.b64encode(signature).decode()
    lines = [body[start : start + 70] for start in range(0, len(body), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


def from_armor(text: str) -> bytes:
    """The binary form out of the text form.

    Raises:
        SignatureRefused: the text is no armored signature.
    """
    lines = text.strip().splitlines()
    try:
        signature = base64.b64decode("".join(lines[1:-1]), validate=True)
    except binascii.Error as error:
        raise SignatureRefused("the signature is not in SSH's format") from error
    fingerprint(signature)
    return signature


@contextmanager
def _signature_file(signature: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="slipway-signature-") as folder:
        path = Path(folder, "signature")
        path.write_text(to_armor(signature), "ascii")
        yield path


def _run(
    command: list[str],
    message: bytes = b"",
    environment: dict[str, str] | None = None,
    seconds: int = _VERIFY_SECONDS,
) -> subprocess.CompletedProcess[bytes]:
    clean = {"PATH": os.environ.get("PATH", os.defpath)} if environment is None else environment
    try:
        return subprocess.run(
            command, input=message, env=clean, timeout=seconds, capture_output=True, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unreachable(
            "ssh-keygen did not answer",
            found=type(error).__name__,
            next_step="install the OpenSSH client (openssh-client), or unlock the signing key",
        ) from error
