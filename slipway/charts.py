"""A Helm chart as a candidate carries it: checked, packed, read back. Pure.

The layer is what `helm package` makes and `helm install` takes, a tar in a gzip, in one form for
one content: files by path, no times, no owners, and stored without compression, since what
compression gives differs between versions of zlib.
"""

import gzip
import io
import re
import struct
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from itertools import pairwise

from slipway.canonical import Json, JsonObject
from slipway.errors import BadInput
from slipway.strict_yaml import load_all

CHART_TYPE = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
CHART_BYTES = 1024 * 1024
MAX_FILES = 200
MAX_DEPTH = 32

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_VERSION = re.compile(
    r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}(?:-[0-9A-Za-z.-]{1,60})?(?:\+[0-9A-Za-z.-]{1,60})?"
)
_PATH = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*")
_LONGEST, _LONGEST_PART = 100, 60
_STORED = 0xFFFF
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LIMITS = f"{MAX_FILES} files, {CHART_BYTES} bytes in all"


def pack(folder: str, files: Mapping[str, bytes]) -> bytes:
    """The chart of a folder.

    Args:
        folder: names it in errors.
        files: path in the folder to contents.

    Raises:
        BadInput: no chart, one that is not complete, or more than a candidate carries.
    """
    _check_paths(folder, files)
    chart = _metadata(folder, files)
    _check_complete(folder, chart, files)
    data = _gzip(_tar(chart["name"], files))
    if len(files) > MAX_FILES or len(data) > CHART_BYTES:
        found = f"{len(files)} files, {len(data)} bytes"
        raise BadInput(
            f"{folder}: a larger chart than a candidate carries", found=found, allowed=_LIMITS
        )
    return data


def unpack(data: bytes) -> dict[str, bytes]:
    """The files of a packed chart by their path in the chart's folder.

    Raises:
        BadInput: not what `pack` writes, byte for byte.
    """
    try:
        files = dict(_files(data))
        same = pack("chart", files) == data
    except BadInput:
        raise
    except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error) as error:
        raise _not_ours(type(error).__name__) from None
    if not same:
        raise _not_ours("another order or form")
    return files


def _check_paths(folder: str, files: Mapping[str, bytes]) -> None:
    for path in files:
        parts = path.split("/")
        fits = len(path) <= _LONGEST and max(map(len, parts)) <= _LONGEST_PART
        if not fits or {".", ".."} & set(parts) or not _PATH.fullmatch(path):
            raise BadInput(
                f"{folder}: a file's name is not taken",
                found=ascii(path[:200]),
                allowed="letters, digits and ._-, at most "
                f"{_LONGEST} characters, {_LONGEST_PART} in each part",
            )


def _metadata(folder: str, files: Mapping[str, bytes]) -> JsonObject:
    """What Chart.yaml says."""
    if "Chart.yaml" not in files:
        found = ", ".join(sorted(files)[:5]) or "nothing"
        raise BadInput(f"{folder}: no chart", found=found, allowed="Chart.yaml at its top")
    source = f"{folder}/Chart.yaml"
    documents = load_all(files["Chart.yaml"], source, CHART_BYTES, MAX_DEPTH)
    chart = documents[0].value if len(documents) == 1 else {}
    _matching(source, chart, "apiVersion", re.compile("v2"), "v2, with which Helm 3 and 4 work")
    _matching(source, chart, "name", _NAME, "lower case letters, digits and single dashes")
    _matching(source, chart, "version", _VERSION, "a semantic version, as in 1.2.3")
    return chart


def _matching(
    source: str, chart: JsonObject, key: str, pattern: re.Pattern[str], allowed: str
) -> None:
    value = chart.get(key)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise BadInput(f"{source}: {key} is not valid", found=_shown(value), allowed=allowed)


def _check_complete(folder: str, chart: JsonObject, files: Mapping[str, bytes]) -> None:
    """A release reaches no chart repository: everything that it needs is in the folder."""
    if chart.get("type", "application") != "application":
        raise BadInput(
            f"{folder}: not a chart to install", found=_shown(chart["type"]), allowed="application"
        )
    dependencies = chart.get("dependencies") or []
    for dependency in dependencies if isinstance(dependencies, list) else [None]:
        name = dependency.get("name") if isinstance(dependency, dict) else None
        inside = (f"charts/{name}/Chart.yaml", f"charts/{name}-")
        if not name or not any(path.startswith(inside) for path in files):
            raise BadInput(
                f"{folder}: a chart that it needs is not in charts/",
                found=f"dependency {_shown(name)}",
                allowed="all of them in the folder, as git holds it",
                next_step=f"helm dependency build {folder}, and commit charts/",
            )


def _shown(value: Json) -> str:
    return "nothing" if value is None else ascii(str(value)[:80])[1:-1]


def _tar(name: str, files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(files):
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size = len(files[path])
            tar.addfile(entry, io.BytesIO(files[path]))
    return stream.getvalue()


def _gzip(data: bytes) -> bytes:
    """A gzip of stored blocks (RFC 1952, RFC 1951 section 3.2.4)."""
    edges = [*range(0, len(data), _STORED), len(data)]
    blocks = (
        struct.pack("<BHH", end == len(data), end - start, _STORED ^ (end - start))
        + data[start:end]
        for start, end in pairwise(edges)
    )
    return _HEADER + b"".join(blocks) + struct.pack("<II", zlib.crc32(data), len(data))


def _files(data: bytes) -> Iterator[tuple[str, bytes]]:
    if len(data) > CHART_BYTES:
        raise _not_ours(f"{len(data)} bytes")
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        # Stored data is no longer than its gzip: more than that is not ours, and is not read.
        plain = stream.read(CHART_BYTES + 1)
    if len(plain) > CHART_BYTES:
        raise _not_ours("compressed data")
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as tar:
        for entry in tar:
            content = tar.extractfile(entry) if entry.isreg() else None
            if content is None:
                raise _not_ours("an entry that is no file")
            yield entry.name.partition("/")[2], content.read()


def _not_ours(found: str) -> BadInput:
    return BadInput(
        "a chart has another shape than Slipway writes",
        found=found,
        allowed="what `integrate` packed, byte for byte",
    )
