"""Canonical JSON: one byte string for one value, so that a hash names a value.

The form follows RFC 8785 for the values we allow: objects with string keys in sorted order,
arrays, strings, integers, booleans and null. Floats are refused, since their text is not unique.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from slipway.errors import BadInput

Json: TypeAlias = Any
JsonObject: TypeAlias = dict[str, Json]


def canonical_json(value: Json) -> bytes:
    """UTF-8 bytes of the value in canonical form.

    Raises:
        BadInput: the value holds a float, a non-string key or something that JSON lacks.
    """
    _refuse_ambiguous(value, "$")
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise BadInput("text holds a lone surrogate, which UTF-8 cannot write") from error


def sha256_digest(data: bytes) -> str:
    """`sha256:` and 64 hex digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def content_digest(value: Json) -> str:
    """Digest of the value's canonical form."""
    return sha256_digest(canonical_json(value))


def _refuse_ambiguous(value: Json, path: str) -> None:
    if value is None or isinstance(value, bool | int | str):
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise BadInput(f"{path}: keys must be strings", found=repr(key))
            _refuse_ambiguous(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _refuse_ambiguous(item, f"{path}[{index}]")
    else:
        raise BadInput(
            f"{path}: cannot be written as canonical JSON",
            found=type(value).__name__,
            allowed="object, array, string, integer, boolean or null",
        )
