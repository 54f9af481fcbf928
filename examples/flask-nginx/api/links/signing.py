"""Signs and reads links with the key that the release mounted."""

from pathlib import Path

from flask import current_app
from itsdangerous import URLSafeTimedSerializer

SHORTEST_KEY = 32


class KeyMissing(RuntimeError):
    """The link key is not mounted or too short."""


def link_key() -> str:
    """The signing key. Raises KeyMissing, which never shows it."""
    path: Path = current_app.config["SECRETS"] / "link-key"
    try:
        key = path.read_text().strip()
    except OSError as error:
        raise KeyMissing(f"secret link-key: cannot read {path}") from error
    if len(key) < SHORTEST_KEY:
        raise KeyMissing(f"secret link-key: shorter than {SHORTEST_KEY} characters")
    return key


def serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(link_key(), salt="link")
