"""P1 to P3: from a commit to a verified release, beside the chain, on an app slow to build."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench.chain import Chain, chained
from bench.measured import Result
from bench.session import Session
from slipway.cli.stack.prefect import client_environment
from slipway.cli.stack.settings import PROJECT
from slipway.dsse import public_pem
from slipway.ledger import Kind, Ledger
from slipway.release import Target
from tests.rig.build_world import BuildWorld
from tests.rig.docker_rig import remove_target
from tests.rig.prefect_rig import PrefectRig

FIXTURE = Path(__file__).parents[1] / "fixture"
APPFILE = """
app: {app}
images: {{web: {{port: 8000}}}}
environments:
  dev: {{port: {port}, gate: {{approvals: 0}}, health: {{bake: 500ms}}}}
"""


@dataclass(frozen=True)
class Taken:
    """One release of ours in seconds.

    Attributes:
        integrated: Running to Completed of the build's flow. deployed: of the release's.
        served: Running of the release's flow to traffic switched; 0 where nothing was.
        whole: from the agent's command to the end, with every start of a process.
        waited: from the trigger to Running.
    """

    integrated: float
    deployed: float
    served: float
    whole: float
    waited: float


@dataclass(frozen=True)
class Ours:
    """The fixture as an app of ours: an agent that builds and an installation that releases."""

    world: BuildWorld
    prefect: PrefectRig

    @property
    def target(self) -> Target:
        return Target(app=self.world.name, environment="dev")

    @property
    def ledger(self) -> Ledger:
        return self.prefect.ledger(self.target)

    def trust(self) -> None:
        """The installation trusts the agent's key."""
        public = public_pem(self.world.tier().key.public_key())
        (self.prefect.folder / "trusted-keys" / "bench.pem").write_bytes(public)

    def commit(self, seed: str, version: str) -> None:
        self.world.commit(files=files(seed, version) | {"slipway.yaml": self._appfile()})

    def _appfile(self) -> str:
        return APPFILE.format(app=self.world.name, port=self.world.port)

    def release(self) -> Taken:
        """What git holds, integrated and deployed through the worker.

        Raises:
            RuntimeError: it did not end well.
        """
        began = time.perf_counter()
        candidate = self._integrate()
        run = self.prefect.start_run("deploy/deploy", candidate=candidate, environment="dev")
        state = self.prefect.final_state(run, 180)
        whole = time.perf_counter() - began
        if state["type"] != "COMPLETED":
            raise RuntimeError(f"the release ended {state['type']}: {state.get('message')}")
        return self._taken(run, whole)

    def _integrate(self) -> str:
        out = self.world.folder / "out"
        argv = ["--app-dir", str(self.world.source.folder), "--output-dir", str(out)]
        done = subprocess.run(
            [sys.executable, "-m", "flows.integrate", *argv],
            env={**self.world.environment(), **client_environment(self.prefect.settings)},
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"integrate failed: {done.stderr[-2000:]}")
        return done.stdout.splitlines()[-1]

    def _taken(self, run_id: str, whole: float) -> Taken:
        with self.prefect.api as api:
            run = api.get(f"/flow_runs/{run_id}").raise_for_status().json()
            flows = {"flows": {"name": {"any_": ["integrate"]}}, "sort": "START_TIME_DESC"}
            integrate = api.post("/flow_runs/filter", json={**flows, "limit": 1}).json()[0]
        started = moment(run["start_time"])
        switched = [
            moment(record.time) - started
            for record in self.ledger.records()
            if record.kind is Kind.OBSERVED and record.body["step"] == "traffic switched"
        ]
        return Taken(
            integrated=integrate["total_run_time"],
            deployed=run["total_run_time"],
            served=max([0.0, *switched]),
            whole=whole,
            waited=started - moment(run["created"]),
        )


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def files(seed: str, version: str) -> dict[str, str]:
    """The fixture, cold where the seed is new, one line changed where the version is."""
    app = (FIXTURE / "app.py").read_text().replace('VERSION = "one"', f'VERSION = "{version}"')
    kept = {name: (FIXTURE / name).read_text() for name in ("Dockerfile", "burn.py")}
    return {**kept, "app.py": app, "seed": seed}


def measure(session: Session) -> list[Result]:
    """Each round: both cold, both with one line changed, ours unchanged."""
    context = session.new_folder("chain-f20")
    ours = Ours(BuildWorld(session.docker, session.new_folder("agent")), session.prefect)
    session.ends.callback(lambda: remove_target(session.docker.engine, ours.target))
    ours.trust()
    with chained(session, context) as chain:
        rounds = [one_round(ours, chain, turn) for turn in range(session.rounds)]
    return results(rounds)


@dataclass(frozen=True)
class Round:
    """One round's seconds; `scan` is the part of the cold chain that scans."""

    chain_cold: float
    scan: float
    chain_warm: float
    cold: Taken
    warm: Taken
    unchanged: Taken


def one_round(ours: Ours, chain: Chain, turn: int) -> Round:
    def chain_of(version: str) -> tuple[float, float]:
        for name, text in files(f"chain-{turn}", version).items():
            (chain.context / name).write_text(text)
        return chain.release(f"{turn}-{version}")

    chain_cold, scan = chain_of("cold")
    ours.commit(f"ours-{turn}", "cold")
    cold = ours.release()
    chain_warm, _ = chain_of("warm")
    ours.commit(f"ours-{turn}", "warm")
    return Round(chain_cold, scan, chain_warm, cold, ours.release(), ours.release())


def results(rounds: list[Round]) -> list[Result]:
    """The rows of P1 to P3. Pure."""

    def each(read: Callable[[Round], float]) -> tuple[float, ...]:
        return tuple(map(read, rounds))

    cold = each(lambda one: one.cold.integrated + one.cold.served)
    chain, warm_chain = each(lambda one: one.chain_cold), each(lambda one: one.chain_warm)
    unscanned = each(lambda one: one.chain_cold - one.scan)
    warm = each(lambda one: one.warm.integrated + one.warm.served)
    unchanged = each(lambda one: one.unchanged.integrated + one.unchanged.deployed)
    whole = each(lambda one: one.unchanged.whole)
    started = each(lambda one: one.warm.whole - one.warm.integrated - one.warm.deployed)
    return [
        Result("P1", "cold release, to serving", "the chain", cold, chain, 1.0),
        Result("P1", "cold release, to serving", "the chain, no scan", cold, unscanned, 1.15),
        Result("P2", "unchanged, both flows", "the cold chain", unchanged, chain, 0.05),
        Result("P2", "unchanged, command to end", "the cold chain", whole, chain, 0.3),
        Result("P3", "one line changed, to serving", "the warm chain", warm, warm_chain, 1.25),
        Result("P3", "processes, trigger and worker of it", "", started),
    ]
