"""P9: worker and flow are killed in the middle of a release; how soon all is well again."""

import os
import signal
import time
from contextlib import closing

from bench.measured import Result
from bench.session import Session
from slipway.claim import open_claim
from slipway.cli.stack.prefect import WORKER
from slipway.ledger import Kind, Record
from slipway.platform import Stage
from tests.rig.prefect_rig import App

LONGEST = 45.0
STAGES = (Stage.APPLY, Stage.SETTLE, Stage.SWITCH, Stage.VERIFY, Stage.RETIRE)


def measure(session: Session) -> list[Result]:
    """In each round at another stage; until the claim is closed, which frees the lock as well."""
    with closing(App(session.prefect)) as app:
        app.deploy(app.candidate("one"))
        died = [STAGES[turn % len(STAGES)] for turn in range(session.rounds)]
        taken = tuple(recovered(app, stage, f"next-{n}") for n, stage in enumerate(died))
    return [
        Result("P9", "from SIGKILL of worker and flow to recovered", "", taken, longest=LONGEST)
    ]


def recovered(app: App, stage: Stage, version: str) -> float:
    """Seconds from the kill, at the first intent of that stage, to the end of the claim."""
    rig, before = app.rig, len(app.ledger("dev").records())

    def is_there(record: Record) -> bool:
        is_intent = record.kind is Kind.INTENT and record.body["stage"] == stage
        return is_intent and record.number > before

    rig.start_run("deploy/deploy", candidate=app.candidate(version), environment="dev")
    app.await_record("dev", is_there, 120)
    for pid in (rig.process(WORKER).pid, app.lease_pid("dev")):
        os.kill(pid, signal.SIGKILL)
    died = time.monotonic()
    while open_claim(app.ledger("dev").records()):
        time.sleep(0.1)
    taken = time.monotonic() - died
    rig.start_worker()
    return taken
