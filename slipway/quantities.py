"""Amounts as people write them: memory `128MiB`, cpu `0.5`, time `90s`."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from slipway.errors import BadInput

_BYTES = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_MILLIS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_MEMORY = r"[1-9][0-9]{0,8}(KiB|MiB|GiB)"
DURATION = r"(0|[1-9][0-9]{0,8})(ms|s|m|h|d)"


def parse_memory(text: Any) -> int:
    """Bytes out of `128MiB`.

    Raises:
        BadInput: text outside the grammar, or no text.
    """
    return _parse(text, "memory", _MEMORY, _BYTES, "128MiB")


def format_memory(amount: int) -> str:
    """The shortest text that `parse_memory` reads as this number of bytes."""
    return _format(amount, _BYTES, "KiB")


def parse_duration(text: Any) -> timedelta:
    """A timedelta out of `90s`; a timedelta is handed through.

    Raises:
        BadInput: text outside the grammar, or no text.
    """
    if isinstance(text, timedelta):
        return text
    return timedelta(milliseconds=_parse(text, "duration", DURATION, _MILLIS, "30s"))


def format_duration(value: timedelta) -> str:
    """The shortest text that `parse_duration` reads as this time."""
    return _format(millis(value), _MILLIS, "ms")


def millis(value: timedelta) -> int:
    """Whole milliseconds."""
    return value // timedelta(milliseconds=1)


def _parse(text: Any, kind: str, pattern: str, units: Mapping[str, int], example: str) -> int:
    match = re.fullmatch(pattern, text) if isinstance(text, str) else None
    if not match:
        raise BadInput(
            f"{kind} is not valid",
            found=ascii(text)[:60],
            allowed=f"a whole number and one of {', '.join(units)}, as in {example}",
        )
    unit = match.groups()[-1]
    return int(text.removesuffix(unit)) * units[unit]


def _format(amount: int, units: Mapping[str, int], smallest: str) -> str:
    unit = max((u for u in units if amount % units[u] == 0), key=units.__getitem__)
    return f"{amount // units[unit]}{unit}" if amount else f"0{smallest}"


def _whole_millis(cores: float) -> float:
    if round(cores * 1000) / 1000 != cores:
        raise BadInput("cpus is not valid", found=str(cores), allowed="thousandths, as in 0.25")
    return cores


Memory = Annotated[
    int,
    BeforeValidator(parse_memory),
    PlainSerializer(format_memory, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_MEMORY}$", "examples": ["128MiB"]}),
]
Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{DURATION}$", "examples": ["30s"]}),
]
Cpus = Annotated[float, Field(gt=0, le=256), AfterValidator(_whole_millis)]
