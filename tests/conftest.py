"""Chooses lanes, orders and shares their tests, gives each its time, keeps the environment out."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from xdist.remote import Producer

from tests.lanes import (
    LANES,
    UNIT,
    UnknownLaneError,
    chosen,
    cluster_was_asked_for,
    engine_was_started,
    lacks,
    lane_of,
    run_cluster,
    run_engine,
    strict,
)
from tests.sharing import Sharing, place
from tests.workers import NAME, shared_home, turn

hypothesis.settings.register_profile("slipway", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if strict(os.environ) else "slipway")

LANE = pytest.StashKey[str]()
ALONE = "alone"
HOME = shared_home()


def clean_environment() -> None:
    """Drop what the caller's shell says to Slipway and Prefect; runs before prefect is imported."""
    for name in list(os.environ):
        if name.startswith(("SLIPWAY_", "PREFECT_")) and not name.startswith("SLIPWAY_TEST_"):
            del os.environ[name]
    os.environ["PREFECT_HOME"] = str(HOME / f"prefect{NAME}")
    os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    os.environ["DO_NOT_TRACK"] = "1"


clean_environment()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lanes", default=",".join(LANES), help="comma-separated: %(default)s")
    parser.addoption("--failed-to", type=Path, help="a file that gets the names of what failed")


def pytest_configure(config: pytest.Config) -> None:
    for lane in LANES.values():
        config.addinivalue_line("markers", f"{lane.name}: {lane.about}")
    config.addinivalue_line("markers", f"{ALONE}: measures time, beside no other test")
    try:
        chosen(config.getoption("lanes"))
    except UnknownLaneError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_unconfigure() -> None:
    if NAME:
        return
    if cluster_was_asked_for():
        run_cluster("release")
    if engine_was_started():
        run_engine("down")
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Sharing:
    return Sharing(config, log)


def marks(item: pytest.Item) -> list[str]:
    return [marker.name for marker in item.iter_markers()]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    lanes = chosen(config.getoption("lanes"))
    for item in items:
        item.stash[LANE] = lane_of(marks(item))
        item.user_properties.append(("lane", item.stash[LANE]))
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LANES[item.stash[LANE]].seconds))
    left_out = [item for item in items if item.stash[LANE] not in lanes]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
    kept = [item for item in items if item.stash[LANE] in lanes]
    if NAME:
        items[:] = sorted(kept, key=lambda item: place(item.nodeid, alone=ALONE in marks(item)))
    else:
        items[:] = sorted(kept, key=lambda item: lanes.index(item.stash[LANE]))
    if not config.option.collectonly:
        # Installs and starts what is needed, before any test's time runs.
        lacks(name for item in items for name in marks(item))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Waits for its turn before any of its time runs."""
    with turn(alone=ALONE in marks(item)):
        return (yield)


def pytest_runtest_setup(item: pytest.Item) -> None:
    reason = lacks(marks(item))
    if reason:
        pytest.skip(f"{item.stash[LANE]} lane: {reason}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.skipped and strict(os.environ) and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} could not run, and CI is set: {report.longrepr[2]}"
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """One line for each chosen lane, before pytest's own last line."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in chosen(config.option.lanes)}
    failed: dict[str, None] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.getreports(outcome):
            if outcome in {"failed", "error"}:
                failed[report.nodeid] = None
            lane = dict(getattr(report, "user_properties", ())).get("lane", UNIT)
            counts.get(lane, Counter())[outcome] += 1
    terminalreporter.section("lanes")
    for name, count in counts.items():
        words = ", ".join(f"{number} {outcome}" for outcome, number in count.items())
        terminalreporter.write_line(f"{name:10} {words or 'no test ran'}")
    if listed := config.option.failed_to:
        listed.write_text("".join(f"{name}\n" for name in failed))
