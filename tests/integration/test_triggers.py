"""Several triggers for one environment, on a real engine: the newest one wins."""

import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from slipway.ledger import Kind
from tests.rig.prefect_rig import App
from tests.rig.shells import Shell

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]


def test_the_newest_of_five_triggers_wins(shell: Shell) -> None:
    """B6: the first acts to its end, the last comes next, those between end as superseded."""
    app = shell.app
    shell.run("deploy", app.candidate("one"), "dev")
    names = ("two", "three", "four", "five")
    candidates = [app.candidate(name, bake="20s" if name == "two" else "500ms") for name in names]
    acting = shell.start("deploy", candidates[0], "dev")
    await_count(app, Kind.CLAIM, 2)
    waiting = []
    for count, candidate in enumerate(candidates[1:], start=1):
        waiting.append(shell.start("deploy", candidate, "dev", "--wait", "5m"))
        await_count(app, Kind.QUEUED, count)

    shell.end(acting, 0)
    for skipped, by in zip(waiting[:-1], candidates[2:], strict=True):
        said = shell.end(skipped, 6)
        assert "gave way" in said
        assert by.rpartition(":")[2][:12] in said
    shell.end(waiting[-1], 0)

    assert app.answer("dev") == "five"
    records = app.ledger("dev").records()
    gave_way = [
        (record.body["candidate"], record.body["by_candidate"])
        for record in records
        if record.kind is Kind.SUPERSEDED
    ]
    assert gave_way == list(pairwise(candidates[1:]))
    claimed = [record.body["candidate"] for record in records if record.kind is Kind.CLAIM]
    assert claimed[1:] == [candidates[0], candidates[-1]]


def await_count(app: App, kind: Kind, count: int, seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    counted: Callable[[], int] = lambda: [r.kind for r in app.ledger("dev").records()].count(kind)  # noqa: E731
    while counted() < count:
        assert time.monotonic() < until, f"{counted()} of {count} {kind}"
        time.sleep(0.1)
