"""YAML as we take it: documents of plain data that every reader reads alike.

No tags, anchors, aliases, directives or duplicate keys. A plain word that YAML 1.1 and 1.2 read
differently (`no`, `1e3`, `0777`, `12:30`) is refused where it stands, instead of being guessed.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from slipway.canonical import Json, JsonObject
from slipway.errors import BadInput

Path: TypeAlias = tuple[str | int, ...]

MAX_BYTES = 64 * 1024
MAX_DEPTH = 12

_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,14})\.[0-9]{1,15}")
_YAML_12 = re.compile(
    r"[yYnN]|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
)
_YAML_11: Any = yaml.SafeLoader("")
_SIMPLE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
# Controls but tab and line feed; line and paragraph separators; text direction; non-characters.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufdd0-\ufdef\ufeff\ufffe\uffff]"
)


@dataclass(frozen=True, slots=True)
class Document:
    """What a text says, and where.

    Attributes:
        value: objects, lists, strings, integers, floats, booleans and None.
        lines: path of a value to its line, from 1.
        texts: path of a scalar that is no string to its text, as in `1.10`.
    """

    value: JsonObject
    lines: dict[Path, int] = field(default_factory=dict)
    texts: dict[Path, str] = field(default_factory=dict)


def dotted(path: Path) -> str:
    """`images.web.build_args`, `tests[0][1]`; keys outside the grammar are quoted and escaped."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _SIMPLE_KEY.fullmatch(part):
            text += f".{part}"
        else:
            text += f".{part[:60]!a}"
    return text.removeprefix(".") or "the file"


def hidden_character(text: str) -> str | None:
    """The first character that a terminal or a reader would not show, as in `U+001B`."""
    found = _HIDDEN.search(text)
    return f"U+{ord(found.group()):04X}" if found else None


def visible(text: str) -> str:
    """The text with `?` for every character that is not shown, line breaks included."""
    return _HIDDEN.sub("?", text.replace("\n", "?"))


def load(data: bytes, source: str) -> Document:
    """The document in `data`; `source` names it in errors.

    Raises:
        BadInput: larger than 64 KiB, not UTF-8, not YAML, or outside of what we take.
    """
    with _as_bad_input(source):
        return _Reader(_decode(data, source, MAX_BYTES), source).document()


def load_all(data: bytes, source: str, max_bytes: int, max_depth: int) -> list[Document]:
    """The documents in `data`, in order; those that hold nothing are left out.

    Raises:
        BadInput: larger or deeper than allowed, or as `load`.
    """
    with _as_bad_input(source):
        return list(_Reader(_decode(data, source, max_bytes), source, max_depth).documents())


@contextmanager
def _as_bad_input(source: str) -> Iterator[None]:
    try:
        yield
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _bad(source, f"line {line} is not YAML", found=str(error.problem)) from error
    except BadInput:
        raise
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise _bad(source, "not YAML", found=str(error).splitlines()[0]) from error


def _decode(data: bytes, source: str, limit: int) -> str:
    if len(data) > limit:
        raise _bad(source, "too large", found=f"{len(data)} bytes", allowed=f"{limit} bytes")
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise _bad(source, "not UTF-8", found=f"byte {data[error.start]:#04x}") from error
    # Readers of YAML take some of these for a line break, so they are refused before reading.
    if hidden := _HIDDEN.search(text):
        line = text.count("\n", 0, hidden.start()) + 1
        found = f"hidden character {hidden_character(hidden.group())}"
        raise _bad(source, f"line {line}: not taken", found=found, allowed="visible text")
    return text


def _bad(
    source: str,
    message: str,
    found: str,
    allowed: str | None = None,
    next_step: str | None = None,
) -> BadInput:
    shown = ascii(found[:120])[1:-1]
    return BadInput(f"{source}: {message}", found=shown, allowed=allowed, next_step=next_step)


class _Reader:
    """Turns the parser's events into plain data, refusing on the way."""

    def __init__(self, text: str, source: str, depth: int = MAX_DEPTH) -> None:
        self._source = source
        self._depth = depth
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._lines: dict[Path, int] = {}
        self._texts: dict[Path, str] = {}

    def document(self) -> Document:
        next(self._events)
        start = next(self._events)
        if not isinstance(start, yaml.DocumentStartEvent):
            raise _bad(self._source, "empty", found="no document", allowed="an app file")
        value = self._value(start)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise self._refuse(after, (), "a second document", "one document")
        return self._document(start, value)

    def documents(self) -> Iterator[Document]:
        next(self._events)
        while isinstance(start := next(self._events), yaml.DocumentStartEvent):
            self._lines, self._texts = {}, {}
            if (value := self._value(start)) is not None:
                yield self._document(start, value)

    def _value(self, start: Any) -> Json:
        if start.version or start.tags:
            raise self._refuse(start, (), "a directive", "no % lines")
        value = self._node(next(self._events), ())
        next(self._events)
        return value

    def _document(self, start: Any, value: Json) -> Document:
        if not isinstance(value, dict):
            raise self._refuse(start, (), type(value).__name__, "keys with values")
        return Document(value, self._lines, self._texts)

    def _node(self, event: Any, path: Path) -> Json:
        self._lines[path] = event.start_mark.line + 1
        self._refuse_indirection(event, path)
        if len(path) > self._depth:
            raise self._refuse(event, path, "deeper nesting", f"{self._depth} levels")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._scalar(event, path)

    def _refuse_indirection(self, event: Any, path: Path) -> None:
        if isinstance(event, yaml.AliasEvent):
            raise self._refuse(event, path, f"alias *{event.anchor}", "the value itself")
        if getattr(event, "anchor", None):
            raise self._refuse(event, path, f"anchor &{event.anchor}", "no anchors")
        if getattr(event, "tag", None):
            raise self._refuse(event, path, f"tag {event.tag}", "no tags")

    def _mapping(self, path: Path) -> JsonObject:
        found: JsonObject = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path)
            if key in found:
                raise self._refuse(event, (*path, key), "the key a second time", "each key once")
            found[key] = self._node(next(self._events), (*path, key))
            self._lines[(*path, key)] = event.start_mark.line + 1
        return found

    def _key(self, event: Any, path: Path) -> str:
        self._refuse_indirection(event, path)
        if not isinstance(event, yaml.ScalarEvent):
            raise self._refuse(event, path, "a key that is a list or map", "keys that are text")
        key = self._scalar(event, (*path, event.value))
        if not isinstance(key, str):
            raise self._ambiguous(event, (*path, event.value), "a key")
        return key

    def _sequence(self, path: Path) -> list[Json]:
        found: list[Json] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._node(event, (*path, len(found))))
        return found

    def _scalar(self, event: Any, path: Path) -> Json:
        text: str = event.value
        if hidden := hidden_character(text):
            raise self._refuse(event, path, f"hidden character {hidden}", "visible text")
        if event.style is not None:
            return text
        value = self._plain(event, text, path)
        if not isinstance(value, str):
            self._texts[path] = text
        return value

    def _plain(self, event: Any, text: str, path: Path) -> Json:
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        if _DECIMAL.fullmatch(text):
            return float(text)
        if _readers_differ(text):
            raise self._ambiguous(event, path, "a value")
        return text

    def _ambiguous(self, event: Any, path: Path, what: str) -> BadInput:
        return _bad(
            self._source,
            f"{dotted(path)} (line {event.start_mark.line + 1}): {what} that readers of YAML read "
            "in different ways",
            found=event.value,
            allowed="text in quotes, a plain decimal number, true, false or null",
            next_step=f'write "{event.value[:40]}" in quotes if text is meant',
        )

    def _refuse(self, event: Any, path: Path, found: str, allowed: str) -> BadInput:
        where = f"{dotted(path)} (line {event.start_mark.line + 1})"
        return _bad(self._source, f"{where}: not taken", found=found, allowed=allowed)


def _readers_differ(text: str) -> bool:
    tag = _YAML_11.resolve(yaml.ScalarNode, text, (True, False))
    plain = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:timestamp")
    return tag not in plain or _YAML_12.fullmatch(text) is not None
