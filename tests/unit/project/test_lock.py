"""Locks hold versions and hashes of everything, and no address."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    return dict(PIN.findall((ROOT / "requirements" / name).read_text()))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_names_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert not re.search(r"://|index-url|find-links|file:|\B/\w", text)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_pin_has_a_hash(lock: Path) -> None:
    blocks = re.split(r"\n(?=\S)", lock.read_text())
    pinned = [block for block in blocks if not block.startswith("#")]
    assert pinned
    assert [block for block in pinned if "--hash=sha256:" not in block] == []


def test_runtime_takes_the_versions_that_were_tested() -> None:
    tested = pins("dev.lock")
    assert {name: tested.get(name) for name in pins("runtime.lock")} == pins("runtime.lock")


def test_is_up_to_date() -> None:
    argv = [sys.executable, str(ROOT / "scripts" / "lock.py"), "--check"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_bootstrap_installed_what_the_lock_says() -> None:
    lock = (ROOT / "requirements" / "dev.lock").read_text()
    stamp = Path(sys.prefix) / ".stamp-lock"
    if not stamp.exists():
        pytest.skip("not run from the project's own .venv: use `make test`")
    assert stamp.read_text() == lock, "requirements/dev.lock changed: run scripts/bootstrap"
