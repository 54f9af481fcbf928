"""Who takes part: a key for another person than the author, enrolled for every gate."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import Unreachable
from slipway.signers import NAMESPACE_SUFFIX

REQUESTER = "jenkins"
APPROVER = "bianca@example.org"


@dataclass(frozen=True)
class Approver:
    """A person with an SSH key."""

    name: str
    key: Path


def enrol_approver(folder: Path, allowed_signers: Path, name: str = APPROVER) -> Approver:
    """The demo's approver; made and enrolled once, for this installation only.

    Raises:
        Unreachable: ssh-keygen is missing.
    """
    key = folder / name.partition("@")[0]
    if not key.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make_key(key, name)
    public = key.with_suffix(".pub").read_text().split()
    line = f'{name} namespaces="*{NAMESPACE_SUFFIX}" {public[0]} {public[1]}\n'
    known = allowed_signers.read_text() if allowed_signers.exists() else ""
    if line not in known:
        allowed_signers.write_text(known + line)
        allowed_signers.chmod(0o644)
    return Approver(name, key)


def _make_key(key: Path, name: str) -> None:
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)]
    try:
        subprocess.run(argv, check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        raise Unreachable("ssh-keygen failed", next_step="install openssh-client") from error
