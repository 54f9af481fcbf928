"""A chart as a candidate carries it: one form for one content, taken by Helm's readers (S1-15)."""

import gzip
import io
import tarfile
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.canonical import sha256_digest
from slipway.charts import CHART_BYTES, MAX_FILES, _gzip, pack, unpack
from slipway.errors import BadInput

CHART = b"apiVersion: v2\nname: shop\nversion: 1.2.3\n"
FILES = {
    "Chart.yaml": CHART,
    "values.yaml": b"replicas: 1\n",
    "templates/web.yaml": b"kind: {{ .Values.kind }}\n",
    ".helmignore": b"",
}


def test_packs_what_helm_takes() -> None:
    """Read by others' code: a gzip of a tar, everything in a folder named like the chart."""
    with tarfile.open(fileobj=io.BytesIO(pack("chart", FILES)), mode="r:gz") as tar:
        entries = tar.getmembers()
        assert [entry.name for entry in entries] == [f"shop/{path}" for path in sorted(FILES)]
        assert {(e.mtime, e.uid, e.gid, e.uname, e.mode) for e in entries} == {(0, 0, 0, "", 0o644)}
        stream = tar.extractfile("shop/Chart.yaml")
        assert stream is not None
        assert stream.read() == CHART


def test_the_same_contents_are_the_same_bytes_everywhere() -> None:
    """E7: neither the order, the time nor the version of zlib is in it."""
    assert pack("other", dict(reversed(FILES.items()))) == pack("chart", FILES)
    known = "sha256:d08584626779626b636949c9a4a5885a19d2531b3d0c21f58766dca50e3e2537"
    assert sha256_digest(pack("chart", FILES)) == known


def test_what_is_packed_is_read_back() -> None:
    assert unpack(pack("chart", FILES)) == FILES


@given(
    st.binary(min_size=1, max_size=200_000) | st.just(b"x" * 0xFFFF) | st.just(b"x" * 2 * 0xFFFF)
)
def test_the_gzip_is_one(data: bytes) -> None:
    assert gzip.decompress(_gzip(data)) == data


def chart(text: str) -> dict[str, bytes]:
    return FILES | {"Chart.yaml": text.encode()}


NEEDS = CHART.decode() + "dependencies:\n  - {name: redis, version: 1.0.0}\n"
REFUSED = {
    "no chart": ({"values.yaml": b""}, "deploy: no chart; found: values.yaml; *"),
    "version 1": (
        chart("apiVersion: v1\nname: shop\nversion: 1.2.3\n"),
        "deploy/Chart.yaml: apiVersion is not valid; found: v1; allowed: v2, *",
    ),
    "no version": (
        chart("apiVersion: v2\nname: shop\n"),
        "deploy/Chart.yaml: version is not valid; found: nothing; *",
    ),
    "a name that leaves the folder": (
        chart("apiVersion: v2\nname: ../shop\nversion: 1.2.3\n"),
        "deploy/Chart.yaml: name is not valid; found: ../shop; *",
    ),
    "a library": (
        chart(CHART.decode() + "type: library\n"),
        "deploy: not a chart to install; found: library; *",
    ),
    "a dependency that is not there": (
        chart(NEEDS),
        "deploy: a chart that it needs is not in charts/; found: dependency redis; *",
    ),
    "dependencies that are none": (
        chart(CHART.decode() + "dependencies: redis\n"),
        "deploy: a chart that it needs is not in charts/; found: dependency nothing; *",
    ),
    "a path out of the folder": (
        FILES | {"a/../../b": b""},
        "deploy: a file's name is not taken; found: 'a/../../b'; *",
    ),
    "a name for a terminal": (
        FILES | {"a\x1b[2J": b""},
        "deploy: a file's name is not taken; found: 'a\\x1b[2J'; *",
    ),
    "a long name": (FILES | {"a" * 101: b""}, "deploy: a file's name is not taken; *"),
    "too many files": (
        FILES | {f"templates/{n}.yaml": b"" for n in range(MAX_FILES)},
        "deploy: a larger chart than a candidate carries; found: 204 files, *",
    ),
    "too much": (
        FILES | {"files/data": b"x" * CHART_BYTES},
        "deploy: a larger chart than a candidate carries; *",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refuses(what: str) -> None:
    files, says = REFUSED[what]
    with pytest.raises(BadInput) as refused:
        pack("deploy", files)
    assert fnmatchcase(str(refused.value), says.replace("[", "[[]")), str(refused.value)


@pytest.mark.parametrize("inside", ["charts/redis/Chart.yaml", "charts/redis-1.0.0.tgz"])
def test_takes_a_chart_whose_dependencies_are_there(inside: str) -> None:
    assert pack("chart", chart(NEEDS) | {inside: b"x"})


def compressed(data: bytes) -> bytes:
    return gzip.compress(gzip.decompress(data), mtime=0)


def linked() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        entry = tarfile.TarInfo("shop/Chart.yaml")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(entry)
    return _gzip(stream.getvalue())


GOOD = pack("chart", FILES)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no gzip",
        GOOD[:-1],
        GOOD + b"x",
        compressed(GOOD),
        linked(),
        gzip.compress(b"\0" * 50_000_000),
        _gzip(b"no tar"),
        GOOD.replace(b"replicas: 1", b"replicas: 2"),
    ],
    ids=["empty", "text", "cut", "longer", "compressed", "link", "bomb", "no tar", "changed"],
)
def test_refuses_a_chart_that_it_would_not_write(data: bytes) -> None:
    """G3, F10: links, bombs and other forms."""
    with pytest.raises(BadInput):
        unpack(data)
