"""The test run that `make test` starts: `python -m tests [PYTEST OPTION ...]`.

Tests run side by side. Where a few of them failed, each of these runs once more with nothing beside
it, and both verdicts are told: what passes alone was broken by a busy machine or by its neighbour,
and does not fail the run. Many failures are no accident, and stand.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

FAILED_TO = "--failed-to"
FEW = 4
SOME_FAILED = 1  # pytest's exit code


def main(options: Sequence[str]) -> int:
    """Run the tests; pytest's exit code, or 0 where all that had failed passed alone."""
    with tempfile.TemporaryDirectory(prefix="slipway-failed-") as folder:
        listed = Path(folder) / "failed"
        code = run_pytest([*options, f"{FAILED_TO}={listed}"])
        failed = listed.read_text().splitlines() if listed.exists() else []
    if code != SOME_FAILED or not 0 < len(failed) <= FEW:
        return code
    print(f"\n{len(failed)} failed beside others; each once more, alone:", flush=True)
    again = run_pytest(["--numprocesses=0", *failed])
    for test in failed if again == 0 else ():
        print(f"flaky: failed beside others, passed alone: {test}")
    return again


def run_pytest(options: Sequence[str]) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *options], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
