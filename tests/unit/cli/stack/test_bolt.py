"""The Bolt writer, read back by an independent reader of the format."""

import struct
from pathlib import Path

import pytest

from slipway.cli.stack.bolt import PAGE, Tree, write_database


def read_bucket(data: bytes, page: int) -> dict[str, object]:
    """All keys of the bucket whose leaf starts at that page."""
    start = page * PAGE
    number, flags, count, _ = struct.unpack_from("<QHHI", data, start)
    assert (number, flags) == (page, 0x02)
    found: dict[str, object] = {}
    for index in range(count):
        header = start + 16 + 16 * index
        kind, position, key_size, value_size = struct.unpack_from("<IIII", data, header)
        key = data[header + position :][:key_size].decode()
        value = data[header + position + key_size :][:value_size]
        found[key] = read_bucket(data, struct.unpack("<QQ", value)[0]) if kind else value
    return found


def read_database(path: Path) -> dict[str, object]:
    data = path.read_bytes()
    magic, version, size, _, root = struct.unpack_from("<IIIIQ", data, 16)
    assert (magic, version, size) == (0xED0CDAED, 2, PAGE)
    return read_bucket(data, root)


@pytest.mark.parametrize(
    "tree",
    [
        {},
        {"empty": {}},
        {"b": {"2": b"two", "1": b"one"}, "a": {"x": {"y": {"z": b"deep"}}}},
        {"large": {f"key-{n:04}": b"v" * 100 for n in range(500)}, "after": {"k": b"v"}},
    ],
    ids=["nothing", "empty bucket", "nested", "several pages"],
)
def test_what_is_written_can_be_read(tmp_path: Path, tree: Tree) -> None:
    path = tmp_path / "test.db"
    write_database(path, tree)
    assert read_database(path) == tree
    assert path.stat().st_size % PAGE == 0


def test_keys_are_in_byte_order(tmp_path: Path) -> None:
    """Readers search in halves, so an unsorted leaf would lose keys."""
    path = tmp_path / "test.db"
    write_database(path, {"b": {"é": b"", "z": b"", "A": b""}})
    assert list(read_database(path)["b"]) == ["A", "z", "é"]


def test_a_reader_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    write_database(path, {"a": {"old": b"1"}})
    with path.open("rb") as reader:
        write_database(path, {"a": {"new": b"2"}})
        assert b"old" in reader.read()
    assert [p.name for p in tmp_path.iterdir()] == ["test.db"]
