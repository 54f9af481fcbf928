"""What a store's answer means as a value: a text as it is, a structure as compact JSON."""

import json
from typing import Any

from pydantic import SecretStr

from slipway.errors import SecretMissing


def plain(value: Any, name: str, place: str) -> SecretStr:
    """The value that the app gets as a file.

    Args:
        place: where it was found, for the error.

    Raises:
        SecretMissing: there is nothing in it.
    """
    if isinstance(value, str) and value:
        return SecretStr(value)
    if isinstance(value, dict | list | int | float):
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return SecretStr(text)
    raise SecretMissing(
        f"runtime secret {name} is missing",
        found=f"{place} is empty",
        allowed="a text, or a structure that JSON can hold",
        next_step=f"slipway secrets rotate, or write a value to {place}",
    )
