"""Secrets that can be recognised: random values to plant, and a search for them in every form.

A value is searched for as its two halves, so that one cut in two, swapped or shortened is found
as well. Base64 is searched for at each of its three alignments, so that a value inside something
longer (`user:password`, a PEM body) is found.
"""

import base64
import gzip
import secrets
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Place = tuple[str, bytes]

LENGTH = 32
SPECIAL = "+/"  # what quoting changes; JSON, HTML and shells leave it alone
LARGEST = 1 << 30


@dataclass(frozen=True)
class Canary:
    """A planted secret: `name` is what it was planted as."""

    name: str
    value: bytes

    @property
    def text(self) -> str:
        """The value, where it is text."""
        return self.value.decode()


@dataclass(frozen=True)
class Hit:
    """A canary that got out: where, and in which form."""

    place: str
    canary: str
    form: str

    def __str__(self) -> str:
        return f"{self.place}: {self.canary} ({self.form})"


def text_canary(name: str) -> Canary:
    """A random password of 32 characters, with one in each half that a URL has to quote."""
    half = [secrets.token_hex(LENGTH)[: LENGTH // 2 - 1] for _ in SPECIAL]
    whole = [part[:8] + special + part[8:] for part, special in zip(half, SPECIAL, strict=True)]
    return Canary(name, "".join(whole).encode())


def key_canary(name: str, key: Ed25519PrivateKey) -> Canary:
    """The 32 secret bytes of a key; any PEM or OpenSSH file of the key holds them in base64."""
    return Canary(name, key.private_bytes_raw())


def forms(value: bytes) -> dict[str, bytes]:
    """What to look for, by the name of the form. Pure."""
    middle = len(value) // 2
    halves = {"first half": value[:middle], "second half": value[middle:]}
    found: dict[str, bytes] = {}
    for half, part in halves.items():
        for name, encode in ENCODINGS.items():
            form = encode(part)
            if form not in found.values():
                found[f"{name}, {half}"] = form
    return found


def _aligned(part: bytes, skipped: int, table: bytes) -> bytes:
    """Those characters of base64 that depend on `part` alone, `skipped` bytes into a group."""
    encoded = base64.b64encode(b"\0" * skipped + part, table)
    first = (0, 2, 3)[skipped]
    return encoded[first : (skipped + len(part)) * 8 // 6]


def _base64(skipped: int, table: bytes) -> Callable[[bytes], bytes]:
    return lambda part: _aligned(part, skipped, table)


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "backwards": lambda part: part[::-1],
    "hex": lambda part: part.hex().encode(),
    "HEX": lambda part: part.hex().upper().encode(),
    "url-quoted": lambda part: quote(part, safe="").encode(),
    "form-quoted": lambda part: quote_plus(part, safe="/").encode(),
    "UTF-16": lambda part: part.decode("latin-1").encode("utf-16-le"),
    "python repr": lambda part: repr(part)[2:-1].encode(),
    **{
        f"{name} at {skipped}": _base64(skipped, table)
        for name, table in (("base64", b"+/"), ("base64url", b"-_"))
        for skipped in range(3)
    },
}


@dataclass(frozen=True)
class Sweep:
    """A search for all of `canaries`."""

    canaries: tuple[Canary, ...]

    def hits(self, places: Iterable[Place]) -> list[Hit]:
        """Every canary in every place, packed or not."""
        needles = [
            (canary.name, form, needle)
            for canary in self.canaries
            for form, needle in forms(canary.value).items()
        ]
        return [
            Hit(place, canary, form)
            for name, data in places
            for place, plain in unpacked(name, data)
            for canary, form, needle in needles
            if needle in plain
        ]


def unpacked(place: str, data: bytes) -> Iterator[Place]:
    """The data as it is and, where it is compressed, what is inside."""
    yield place, data
    if data[:2] == b"\x1f\x8b":
        yield f"{place} (unzipped)", gunzip(data)


def gunzip(data: bytes) -> bytes:
    """What a gzip file holds; of a damaged one, what can be read."""
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return zlib.decompressobj(wbits=31).decompress(data, LARGEST)
