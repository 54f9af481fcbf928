"""Where a new value comes from: made up, typed without echo, or standard input. Never argv."""

import secrets
import sys
from getpass import getpass

from pydantic import SecretStr

from slipway.errors import BadInput

LONGEST = 512 * 1024
FEWEST_BYTES, MOST_BYTES = 16, 1024


def new_value(name: str, generate: int | None) -> SecretStr:
    """A value for that secret; one line break at its end is dropped.

    Args:
        generate: make one of so many random bytes, as URL-safe base64.

    Raises:
        BadInput: nothing, too much or no text came in, or two different values were typed.
    """
    if generate:
        return SecretStr(secrets.token_urlsafe(generate))
    if sys.stdin.isatty():
        return _typed(name)
    return _text(name, sys.stdin.buffer.read(LONGEST + 1))


def _typed(name: str) -> SecretStr:
    first = getpass(f"New value of {name} (not shown): ")
    if first != getpass("Once more: "):
        raise BadInput("two different values were typed", next_step="run the command again")
    return SecretStr(first)


def _text(name: str, data: bytes) -> SecretStr:
    if len(data) > LONGEST:
        raise _refused(name, f"more than {LONGEST} bytes")
    try:
        value = data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise _refused(name, "bytes that are no text") from None
    if not value:
        raise _refused(name, "nothing on standard input")
    return SecretStr(value)


def _refused(name: str, found: str) -> BadInput:
    return BadInput(
        f"there is no new value of {name[:80]!a}",
        found=found,
        allowed=f"UTF-8 text of at most {LONGEST} bytes",
        next_step="give it on standard input, or --generate BYTES",
    )
