"""A voucher's code is its amount and number plus a keyed hash over both."""

import hashlib
import hmac

from pydantic import SecretStr


def sign(amount: int, number: int, key: SecretStr) -> str:
    """`<amount>-<number>-<16 hex>`; amount in cents."""
    return f"{amount}-{number}-{_mark(f'{amount}-{number}', key)}"


def read(code: str, key: SecretStr) -> int | None:
    """The amount in cents, or None when the code was not signed with this key."""
    body, _, mark = code.rpartition("-")
    if not body or not hmac.compare_digest(mark.encode(), _mark(body, key).encode()):
        return None
    return int(body.split("-")[0])


def _mark(body: str, key: SecretStr) -> str:
    secret = key.get_secret_value().encode()
    return hmac.new(secret, body.encode(), hashlib.sha256).hexdigest()[:16]
