"""Tests are shared among workers: what belongs together stays so, and nothing gets lost."""

import threading
from pathlib import Path

import pytest

from tests.rig import ports
from tests.sharing import APART, GROUPS, LONG, place, unit_of_work
from tests.workers import HOME, locked, turn

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("nodeid", "expected"),
    [
        ("tests/unit/slipway/test_plan.py::test_a[x::y]", "tests/unit/slipway/test_plan.py"),
        ("tests/unit/slipway/test_gate.py::test_a", "tests/unit/slipway/test_gate.py"),
        ("tests/flows/test_gate.py::test_a", "flows"),
        ("tests/integration/test_gateway_edges.py::test_a", "gateway"),
        (
            "tests/integration/test_docker_release.py::test_a",
            "tests/integration/test_docker_release.py::test_a",
        ),
        ("tests/integration/test_new.py::test_a", "tests/integration/test_new.py"),
    ],
)
def test_unit_of_work(nodeid: str, expected: str) -> None:
    assert unit_of_work(nodeid) == expected


def test_long_ones_begin_first_and_those_that_measure_time_last() -> None:
    short, long = "tests/integration/test_new.py::test_a", "tests/integration/test_canaries.py::t"
    unit = "tests/unit/slipway/test_gate.py::test_a"
    found = sorted([(unit, False), (long, True), (short, False), (long, False)], key=by_place)
    assert found == [(long, False), (short, False), (unit, False), (long, True)]


def by_place(test: tuple[str, bool]) -> tuple[bool, bool, int]:
    return place(test[0], alone=test[1])


def test_every_file_of_the_tables_is_there() -> None:
    """A file that was renamed would silently be shared as any other."""
    there = {
        path.stem
        for room in ("integration", "flows")
        for path in (ROOT / "tests" / room).glob("*.py")
    }
    assert {*GROUPS, *APART, *LONG} - there == set()


def test_a_port_is_given_once_and_from_our_range() -> None:
    given = [ports.free_port() for _ in range(20)]
    assert len(set(given)) == len(given)
    assert all(ports.FIRST <= port < ports.FIRST + ports.SHARE * ports.SHARES for port in given)


@pytest.mark.parametrize(("first", "second"), [(False, True), (True, False), (True, True)])
def test_nothing_runs_beside_what_runs_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bool, second: bool
) -> None:
    monkeypatch.setenv(HOME, str(tmp_path))
    thread, began = begin(alone=second, held=first)
    thread.join(10)
    assert began.is_set()


def test_others_run_beside_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME, str(tmp_path))
    with turn(alone=False), turn(alone=False):
        pass


def test_nothing_new_begins_while_one_waits_to_be_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME, str(tmp_path))
    with locked("door"):
        thread, began = begin_later(alone=False)
        assert not began.wait(0.2)
    thread.join(10)
    assert began.is_set()


def begin(*, alone: bool, held: bool) -> tuple[threading.Thread, threading.Event]:
    """Another test that wants its turn during one: it has to wait."""
    with turn(alone=held):
        thread, began = begin_later(alone=alone)
        assert not began.wait(0.2)
    return thread, began


def begin_later(*, alone: bool) -> tuple[threading.Thread, threading.Event]:
    began = threading.Event()

    def run() -> None:
        with turn(alone=alone):
            began.set()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, began
