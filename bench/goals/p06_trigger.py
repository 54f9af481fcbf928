"""P6: from a trigger to Running, beside a worker with Prefect's defaults."""

import os

from bench.goals.p01_release import moment
from bench.measured import Result, percentile
from bench.session import Session
from slipway.cli.stack.prefect import WORKER, base_environment, worker_argv
from tests.rig.prefect_rig import PrefectRig


def measure(session: Session) -> list[Result]:
    """The same trigger, first with the worker as it is shipped, then with a stock one."""
    rig = session.prefect
    ours = tuple(waited(rig) for _ in range(session.rounds))
    rig.processes.stop(WORKER)
    stock = rig.processes.start(WORKER, worker_argv(rig.settings), stock_environment(rig))
    rig.prefect.wait_for_worker(stock)
    plain = tuple(waited(rig) for _ in range(session.rounds))
    rig.processes.stop(WORKER)
    rig.start_worker()
    slowest = (percentile(ours, 0.95),)
    return [
        Result("P6", "from a trigger to Running", "a stock worker", ours, plain, most=0.4),
        Result("P6", "the same, 95th percentile", "", slowest, longest=8),
    ]


def waited(rig: PrefectRig) -> float:
    """Seconds until a run is Running; what it looks at is not there, so it ends soon."""
    run_id = rig.start_run("verify/verify", app="absent", environment="dev")
    rig.final_state(run_id)
    run = rig.flow_run(run_id)
    return moment(run["start_time"]) - moment(run["created"])


def stock_environment(rig: PrefectRig) -> dict[str, str]:
    """What the shipped worker has, without what makes it ask more often."""
    return {**base_environment(os.environ), **rig.environment}
