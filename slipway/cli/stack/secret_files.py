"""Secrets of the local stack: one file each, mode 0600 in a folder of mode 0700."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr


def secret_file(path: Path, make: Callable[[], str] | None = None) -> SecretStr:
    """The content of that file; made up and written when there is none."""
    if not path.exists():
        write_private(path, make() if make else secrets.token_urlsafe(24))
    return SecretStr(path.read_text().strip())


def write_private(path: Path, content: str) -> None:
    """Write a file that only its owner can read, in one move."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    temporary.replace(path)
