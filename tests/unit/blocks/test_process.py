"""Programs of the build: bounded, heard line by line, told nothing of ours."""

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from blocks.process import Finished, harmless, run
from slipway.errors import BadInput
from tests.fakes.groups import running


async def play(code: str, seconds: float = 20) -> Finished:
    argv = [sys.executable, "-c", code]
    return await run(argv, env=dict(os.environ), cwd=Path("/"), seconds=seconds)


async def test_output_and_exit_code() -> None:
    done = await play("import sys; print('one'); print('two', file=sys.stderr); sys.exit(3)")
    assert (done.code, sorted(done.lines), done.late) == (3, ["one", "two"], False)


async def test_control_characters_and_endless_lines() -> None:
    """G5: a build's output can forge neither lines nor colours, nor fill the memory."""
    done = await play("print('\\x1b[31mred'); print('x' * 1_000_000); print('end')")
    assert done.lines[0] == " [31mred"
    assert done.lines[-1] == "end"
    assert all(len(line) <= 65_536 for line in done.lines)


async def test_the_deadline_ends_the_whole_group(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = f"import os,time; os.fork(); open({str(pid)!r},'w').write(str(os.getpgid(0))); "
    started = time.monotonic()
    done = await play(code + "time.sleep(60)", seconds=1)
    assert done.late
    assert time.monotonic() - started < 10
    assert running(pid) == []


async def test_a_child_that_holds_the_output_open_is_no_hang(tmp_path: Path) -> None:
    code = "import os,time,sys\nif os.fork() == 0: time.sleep(60)\nprint('done')"
    started = time.monotonic()
    done = await play(code, seconds=2)
    assert time.monotonic() - started < 10
    assert "done" in done.lines


async def test_cancelling_ends_it(tmp_path: Path) -> None:
    """A6: Ctrl-C leaves no build running."""
    pid = tmp_path / "pid"
    code = f"import os,time; open({str(pid)!r},'w').write(str(os.getpid())); time.sleep(60)"
    task = asyncio.create_task(play(code))
    for _ in range(500):
        if pid.exists() and pid.read_text():
            break
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


async def test_no_such_program() -> None:
    with pytest.raises(BadInput, match="cannot be started"):
        await run(["/nonexistent"], env={}, cwd=Path("/"), seconds=1)


async def test_arguments_are_no_shell(tmp_path: Path) -> None:
    """G1."""
    evil = f"; touch {tmp_path}/x $(touch {tmp_path}/y) `id`"
    argv = [sys.executable, "-c", "import sys; print(sys.argv[1])", evil]
    done = await run(argv, env={}, cwd=Path("/"), seconds=20)
    assert done.lines == (evil,)
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - blocking, and no matter here


def test_what_programs_may_see() -> None:
    """G8, G11: how to reach things, no credential of any tier."""
    outer = {
        "PATH": "/bin",
        "HTTPS_PROXY": "p",
        "PIP_CERT": "c",
        "LC_ALL": "C",
        "SLIPWAY_BUILD_REGISTRY_PASSWORD": "x",
        "SLIPWAY_BUILD_SIGNING_KEY": "x",
        "PREFECT_API_AUTH_STRING": "x",
        "PREFECT_API_URL": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "GITHUB_TOKEN": "x",
        "DOCKER_AUTH_CONFIG": "x",
        "SSH_AUTH_SOCK": "x",
    }
    assert sorted(harmless(outer)) == ["HTTPS_PROXY", "LC_ALL", "PATH", "PIP_CERT"]
