"""Programs built from published Go modules, each pinned; `go.sum` and the checksum database hold.

A Go of at least `LEAST` on PATH fetches the version that a module asks for by itself. Where there
is none, the pinned toolchain comes through the module proxy.
"""

import hashlib
import io
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import httpx

from slipway.errors import Unreachable
from tests.cluster.cache import make_once

LEAST = (1, 21)  # the first that fetches another toolchain when a module asks for one
TOOLCHAIN = "v0.0.1-go1.26.8.linux-amd64"
TOOLCHAIN_SHA256 = "30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7"
DEFAULT_PROXY = "https://proxy.golang.org"
LONGEST_SECONDS = 2400.0  # five times what two cores need beside other work
TOLD_SECONDS = 30.0
_VERSION = re.compile(r"go version go(\d+)\.(\d+)")


def version_of(output: str) -> tuple[int, int]:
    """Major and minor of what `go version` prints; (0, 0) for anything else."""
    match = _VERSION.match(output)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def proxy_of(environment: Mapping[str, str]) -> str:
    """The first module proxy of GOPROXY that is an address."""
    named = re.split("[,|]", environment.get("GOPROXY", ""))
    return next((part for part in named if part.startswith("http")), DEFAULT_PROXY).rstrip("/")


def build_environment(go: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The caller's, for proxies and caches, with what makes a build the same everywhere."""
    return {
        **environment,
        "PATH": f"{go.parent}:{environment.get('PATH', os.defpath)}",
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOTOOLCHAIN": "auto",
        "GOWORK": "off",
        "GOGC": "400",  # half the time, for memory that two compilers have
    }


def find_go(cache: Path) -> Path:
    """A Go that can build what is asked for, fetched where there is none.

    Raises:
        Unreachable: there is none and the module proxy does not answer.
    """
    found = shutil.which("go")
    if found:
        done = subprocess.run([found, "version"], check=False, capture_output=True, text=True)
        if version_of(done.stdout) >= LEAST:
            return Path(found)
    return fetch_toolchain(cache)


def fetch_toolchain(cache: Path) -> Path:
    """The pinned toolchain, unpacked in the cache.

    Raises:
        Unreachable: no build for this machine, no answer, or not the pinned bytes.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise Unreachable("no Go toolchain for this machine", next_step="install Go 1.21 or newer")
    url = f"{proxy_of(os.environ)}/golang.org/toolchain/@v/{TOOLCHAIN}.zip"
    # a folder and so a lock of its own: who builds holds the lock of the folder above
    made = make_once(cache / "go" / TOOLCHAIN, lambda folder: unpack(download(url), folder))
    return root_of(made) / "bin" / "go"


def root_of(folder: Path) -> Path:
    """GOROOT in an unpacked module."""
    return folder / f"golang.org/toolchain@{TOOLCHAIN}"


def unpack(archive: bytes, folder: Path) -> None:
    """The module's files; its programs are made executable, as module zips keep no modes."""
    with zipfile.ZipFile(io.BytesIO(archive)) as zipped:
        zipped.extractall(folder)
    root = root_of(folder)
    for program in [*(root / "bin").iterdir(), *(root / "pkg" / "tool").rglob("*")]:
        program.chmod(0o755)


def download(url: str) -> bytes:
    """The pinned toolchain's bytes."""
    try:
        answer = httpx.get(url, follow_redirects=True, timeout=300).raise_for_status()
    except httpx.HTTPError as error:
        raise Unreachable(
            "no Go on PATH, and the module proxy does not give one",
            found=f"{url}: {error}",
            next_step="install Go 1.21 or newer, or set GOPROXY",
        ) from error
    found = hashlib.sha256(answer.content).hexdigest()
    if found != TOOLCHAIN_SHA256:
        raise Unreachable(f"{url} is not what is pinned", found=found, allowed=TOOLCHAIN_SHA256)
    return answer.content


def run_go(
    go: Path,
    folder: Path,
    *arguments: str,
    extra: Mapping[str, str] | None = None,
    seconds: float = LONGEST_SECONDS,
) -> str:
    """Run Go in that folder; its output. While it takes long, that it goes on is told on stderr.

    Raises:
        Unreachable: it failed, as it does without a module proxy; its last lines are the evidence.
            Or it did not end in time; then it and what it started was killed.
    """
    environment = {**build_environment(go, os.environ), **(extra or {})}
    process = subprocess.Popen(
        [str(go), *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = await_end(process, f"go {arguments[0]}", seconds)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode:
        raise Unreachable(
            f"go {arguments[0]} failed",
            evidence=errors.splitlines()[-8:],
            next_step="check GOPROXY and the disk's space, then try again",
        )
    return output


def await_end(process: subprocess.Popen[str], name: str, seconds: float) -> tuple[str, str]:
    """What it said, once it ended.

    Raises:
        Unreachable: it did not end in time.
    """
    started = time.monotonic()
    while True:
        left = started + seconds - time.monotonic()
        try:
            return process.communicate(timeout=max(0.0, min(left, TOLD_SECONDS)))
        except subprocess.TimeoutExpired:
            spent = time.monotonic() - started
            if spent >= seconds:
                raise Unreachable(
                    f"{name} did not end within {seconds:.0f} s",
                    next_step="see that the module proxy answers, then try again",
                ) from None
            print(f"{name} goes on, {spent:.0f} s so far", file=sys.stderr, flush=True)
