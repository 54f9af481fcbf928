"""The app's own tests: commands of the app file, in the clean checkout, without credentials."""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from blocks.process import harmless, run
from slipway.errors import Cause, DeadlineExceeded, TestsFailed
from tasks.acts import act
from tasks.checkout import Work
from tasks.notes import note

EVIDENCE = 20


async def run_tests(work: Work, output: Path, seconds: float) -> None:
    """Run every command of `tests:`; pytest's JUnit reports are written into `output`.

    Raises:
        TestsFailed: a command ended red; its last lines are the evidence.
        DeadlineExceeded: a command took too long.
    """
    for number, command in enumerate(work.appfile.tests, 1):
        name = " ".join(command)[:60]
        await act(f"tests: {name}", "test", lambda n=number: _run(work, output, seconds, n))  # type: ignore[misc]


async def _run(work: Work, output: Path, seconds: float, number: int) -> None:
    command = work.appfile.tests[number - 1]
    report = report_file(output, number)
    env = test_environment(os.environ, report, Path(sys.executable).parent)
    done = await run(command, env=env, cwd=work.app, seconds=seconds, say=note)
    what = " ".join(command)[:200]
    if done.late:
        raise DeadlineExceeded(
            f"the app's own tests took longer than {seconds:.0f} s",
            found=what,
            evidence=done.lines[-EVIDENCE:],
            stage="test",
        )
    if done.code != 0:
        raise TestsFailed(
            "the app's own tests failed",
            found=f"{done.how}: {what!a}" if done.is_out_of_memory else f"{done.how} of {what!a}",
            next_step=f"run it in {work.checkout.folder} and mend it; nothing was built",
            cause=Cause.MEMORY if done.is_out_of_memory else None,
            evidence=[line for line in done.lines if line][-EVIDENCE:],
            stage="test",
        )


def report_file(output: Path, number: int) -> Path:
    """Where the report of a command goes; absolute, since the command runs elsewhere."""
    return output.absolute() / f"junit-{number}.xml"


def test_environment(outer: Mapping[str, str], report: Path, programs: Path) -> dict[str, str]:
    """What a test command sees: the project's own python first, nothing of ours. Pure."""
    inner = harmless(outer)
    return {
        **inner,
        "PATH": os.pathsep.join([str(programs), inner.get("PATH", "/usr/bin:/bin")]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_ADDOPTS": f"--junitxml={shlex.quote(str(report))} -p no:cacheprovider",
        "SLIPWAY_JUNIT": str(report),
    }
