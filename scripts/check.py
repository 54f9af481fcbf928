"""Run the project's checks, all of them or those named, and say which are clean.

scripts/check.py                 all
scripts/check.py types rooms     these

The pre-commit hooks run the same, so nothing is clean in one and dirty in the other.
"""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

CHECKS: dict[str, list[str]] = {
    "format": [str(BIN / "ruff"), "format", "--check", "--quiet", "."],
    "lint": [str(BIN / "ruff"), "check", "--quiet", "."],
    "types": [str(BIN / "mypy")],
    "rooms": [str(BIN / "lint-imports"), "--no-logo"],
    "lock": [sys.executable, "scripts/lock.py", "--check"],
    "secrets": [sys.executable, "-m", "slipway.cli", "lint"],
    "sizes": [sys.executable, "scripts/sizes.py"],
}


def main(names: list[str]) -> int:
    """0 when every chosen check is clean, 1 when one is not, 2 for an unknown name."""
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        print(f"unknown check {', '.join(unknown)}; there are: {', '.join(CHECKS)}")
        return 2
    failed = [name for name in names or CHECKS if not clean(name)]
    if failed:
        print(f"\nnot clean: {', '.join(failed)}")
    return int(bool(failed))


def clean(name: str) -> bool:
    """Run one check; its output is shown when it fails or has something to report."""
    began = time.monotonic()
    run = subprocess.run(
        CHECKS[name],
        cwd=ROOT,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    word = "clean" if run.returncode == 0 else "NOT CLEAN"
    print(f"{name:8} {word:10} {time.monotonic() - began:5.1f} s", flush=True)
    if run.returncode or name == "sizes":
        print("".join(f"    {line}\n" for line in run.stdout.splitlines()), end="", flush=True)
    return run.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
