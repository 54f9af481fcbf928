"""Own processes: started apart, found again, and never mistaken for another's."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from slipway.cli.stack.processes import MARK, Processes, wait_until
from slipway.errors import DeadlineExceeded

SLEEP = ["sleep", "60"]
ENVIRONMENT = {"PATH": os.environ["PATH"]}


def runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    book = Processes(tmp_path / "processes", tmp_path / "logs")
    yield book
    book.stop_orphans()


def test_a_process_is_nobodys_child_and_is_found_again(processes: Processes) -> None:
    record = processes.start("a", SLEEP, ENVIRONMENT)
    assert processes.is_running("a")
    assert psutil.Process(record.pid).ppid() != os.getpid()
    assert processes.start("a", SLEEP, ENVIRONMENT) == record
    assert processes.stop("a")
    assert record.process() is None
    assert not processes.stop("a")


def test_other_arguments_replace_it(processes: Processes) -> None:
    first = processes.start("a", SLEEP, ENVIRONMENT)
    second = processes.start("a", ["sleep", "61"], ENVIRONMENT)
    assert first.pid != second.pid
    assert first.process() is None


def test_a_recycled_pid_is_not_ours(processes: Processes) -> None:
    """What was started by somebody else goes on."""
    record = processes.start("a", SLEEP, ENVIRONMENT)
    stale = record.model_copy(update={"started": record.started - 5})
    (processes.folder / "a.json").write_text(stale.model_dump_json())
    assert not processes.is_running("a")
    assert not processes.stop("a")
    assert record.process()


def test_orphans_are_found_by_their_mark(processes: Processes) -> None:
    parent = [sys.executable, "-c", "import subprocess; subprocess.run(['sleep', '60'])"]
    record = processes.start("a", parent, ENVIRONMENT)
    leader = psutil.Process(record.pid)
    wait_until(lambda: bool(leader.children()), "the child", 10)
    orphan = leader.children()[0]
    leader.kill()
    wait_until(lambda: not runs(leader), "the end", 5)
    assert runs(orphan)
    assert processes.stop_orphans() == 1
    assert not runs(orphan)


def test_another_stacks_processes_are_left_alone(processes: Processes, tmp_path: Path) -> None:
    other = Processes(tmp_path / "other", tmp_path / "logs")
    record = other.start("a", SLEEP, ENVIRONMENT)
    assert processes.stop_orphans() == 0
    assert record.process()
    other.stop("a")


def test_signals_work_even_if_the_caller_ignores_them(tmp_path: Path) -> None:
    """A shell's background job ignores SIGINT, and so would all that it starts."""
    script = (
        "import signal, sys; from pathlib import Path\n"
        "from slipway.cli.stack.processes import Processes\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        f"book = Processes(Path({str(tmp_path)!r}), Path({str(tmp_path)!r}))\n"
        f"print(book.start('a', {SLEEP!r}, {ENVIRONMENT!r}).pid)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    process = psutil.Process(int(done.stdout))
    process.send_signal(signal.SIGINT)
    wait_until(lambda: not runs(process), "the end", 5)


def test_the_mark_is_the_only_addition_to_the_environment(processes: Processes) -> None:
    record = processes.start("a", SLEEP, {"PATH": os.environ["PATH"], "A": "1"})
    wait_until(lambda: psutil.Process(record.pid).name() == "sleep", "exec", 10)
    found = psutil.Process(record.pid).environ()
    assert set(found) <= {"PATH", "A", MARK, "LC_CTYPE"}


def test_waiting_tells_the_end_of_the_log(processes: Processes) -> None:
    argv = [sys.executable, "-c", "print('first'); print('the reason'); raise SystemExit(3)"]
    record = processes.start("a", argv, ENVIRONMENT)
    with pytest.raises(DeadlineExceeded, match="the thing ended") as failure:
        wait_until(lambda: False, "the thing", 10, record=record)
    assert failure.value.evidence == ("first", "the reason")


def test_a_missing_program_is_told(processes: Processes) -> None:
    record = processes.start("a", ["no-such-program"], ENVIRONMENT)
    with pytest.raises(DeadlineExceeded) as failure:
        wait_until(lambda: False, "the thing", 10, record=record)
    assert "No such file" in failure.value.evidence[-1]


def test_waiting_ends_at_the_deadline() -> None:
    with pytest.raises(DeadlineExceeded, match=r"not ready after 0\.1 s"):
        wait_until(lambda: False, "the thing", 0.1)
