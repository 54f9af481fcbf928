"""Writes a Bolt database (the file format of go.etcd.io/bbolt, version 2) in one go.

Every bucket is one leaf page with as many overflow pages as it needs, which readers accept and
which is enough for a few thousand keys. Layout: two meta pages, a free list, data pages.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Union

PAGE = 4096
_MAGIC, _VERSION = 0xED0CDAED, 2
_LEAF, _META, _FREELIST, _BUCKET = 0x02, 0x04, 0x10, 0x01
_FIRST_DATA_PAGE = 4

Tree = Mapping[str, Union[bytes, "Tree"]]


def write_database(path: Path, tree: Tree) -> None:
    """Write nested buckets (mappings) of keys and values.

    The file is replaced as a whole: whoever has the old one open keeps reading it.
    """
    pages = _Pages()
    root = pages.add_bucket(tree)
    metas = b"".join(_meta_page(number, root, pages.next) for number in (0, 1))
    freelist = _header(2, _FREELIST, 1, 0) + struct.pack("<Q", 3)
    whole = metas + freelist.ljust(PAGE, b"\0") + bytes(PAGE) + b"".join(pages.data)
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(whole)
    temporary.replace(path)


@dataclass
class _Pages:
    next: int = _FIRST_DATA_PAGE
    data: list[bytes] = field(default_factory=list)

    def add_bucket(self, tree: Tree) -> int:
        """Its children come first, so that their page numbers are known."""
        items = sorted((key.encode(), value) for key, value in tree.items())
        elements = [self._element(key, value) for key, value in items]
        body = _leaf_body(elements)
        count = -(-(16 + len(body)) // PAGE)
        number = self.next
        self.next += count
        page = _header(number, _LEAF, len(elements), count - 1) + body
        self.data.append(page.ljust(count * PAGE, b"\0"))
        return number

    def _element(self, key: bytes, value: "bytes | Tree") -> tuple[int, bytes, bytes]:
        if isinstance(value, bytes):
            return 0, key, value
        return _BUCKET, key, struct.pack("<QQ", self.add_bucket(value), 0)


def _leaf_body(elements: list[tuple[int, bytes, bytes]]) -> bytes:
    headers, body = [], b""
    for index, (flags, key, value) in enumerate(elements):
        # positions count from the element's own header
        position = 16 * (len(elements) - index) + len(body)
        headers.append(struct.pack("<IIII", flags, position, len(key), len(value)))
        body += key + value
    return b"".join(headers) + body


def _meta_page(number: int, root: int, end: int) -> bytes:
    meta = struct.pack("<IIIIQQQQQ", _MAGIC, _VERSION, PAGE, 0, root, 0, 2, end, number)
    page = _header(number, _META, 0, 0) + meta + struct.pack("<Q", _fnv1a(meta))
    return page.ljust(PAGE, b"\0")


def _header(number: int, flags: int, count: int, overflow: int) -> bytes:
    return struct.pack("<QHHI", number, flags, count, overflow)


def _fnv1a(data: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value
