"""Measure what must stay fast, as ratios on this machine: ours beside a plain way, in turns.

    make bench                 table, and bench/results.json with every round
    make bench ARGS=--gate     also fail where a ratio is above its goal

So far: the ledger and the plan, which every command waits for. Releases on real engines are
measured by the demo and the drill, which write what they took into the ledger; a rollback on a
cluster by `python -m bench.kubernetes`.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from slipway.canonical import canonical_json
from slipway.directory_store import DirectoryStore
from slipway.ledger import Kind, Ledger
from slipway.plan import make_plan
from slipway.platform import Observation
from slipway.release import ReleaseSpec, Resources, ServiceSpec, Target

RESULTS = Path(__file__).parent / "results.json"
TARGET = Target(app="bench", environment="dev")
BODY = {"step": "release started", "note": "x" * 200}
QUIET = 0.5

Act = Callable[[], object]


@dataclass(frozen=True)
class Pair:
    """Two ways, each run `times` times a round; goal is the most that ours/plain may be."""

    name: str
    ours: Act
    plain: Act
    times: int
    goal: float | None = None


@dataclass(frozen=True)
class Result:
    """Seconds of one act in each round, and the ratio of the medians."""

    name: str
    ours: list[float]
    plain: list[float]
    goal: float | None

    @property
    def ratio(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.plain)

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return "no goal"
        return f"goal {self.goal:g}: {'met' if self.ratio <= self.goal else 'NOT MET'}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--gate", action="store_true", help="fail where a goal is not met")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    if load > QUIET:
        print(f"load is {load:.1f}: ratios hold better on a quiet machine (below {QUIET})")
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        results = [measure(pair, options.rounds) for pair in pairs(Path(folder))]
    show(results)
    rows = [asdict(result) | {"ratio": result.ratio} for result in results]
    RESULTS.write_text(json.dumps({"load": load, "results": rows}, indent=2) + "\n")
    return int(options.gate and any("NOT" in result.verdict for result in results))


def pairs(folder: Path) -> list[Pair]:
    """Everything that is measured; reading first, since appending makes the chains longer."""
    short, long = chain(folder / "short", 100), chain(folder / "long", 1000)
    spec, wanted = release()
    candidate = f"127.0.0.1:5055/bench@sha256:{'0' * 64}"
    seen = Observation(fields=wanted, revision="1")
    return [
        Pair("read 1000 records / 100", reader(long), reader(short), 1, 1.2),
        Pair("append at 1000 / at 100", lambda: append(long), lambda: append(short), 20, 1.2),
        Pair("append / write and fsync", lambda: append(short), plain_write(folder), 20),
        Pair(
            "plan, no difference / its JSON",
            lambda: make_plan(candidate, spec, seen, wanted),
            lambda: canonical_json(dict(wanted)),
            200,
        ),
    ]


def measure(pair: Pair, rounds: int) -> Result:
    """Both ways in turns, once unmeasured first."""
    pair.ours(), pair.plain()
    taken = [
        (seconds(pair.ours, pair.times), seconds(pair.plain, pair.times)) for _ in range(rounds)
    ]
    return Result(pair.name, [ours for ours, _ in taken], [plain for _, plain in taken], pair.goal)


def seconds(act: Act, times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        act()
    return (time.perf_counter() - began) / times


def chain(root: Path, records: int) -> Ledger:
    """A ledger that has so many records."""
    ledger = Ledger(DirectoryStore(root), TARGET, "bench")
    for _ in range(records):
        append(ledger)
    return ledger


def append(ledger: Ledger) -> None:
    ledger.append(Kind.OBSERVED, dict(BODY))


def reader(ledger: Ledger) -> Act:
    """Read and verify the chain as a new command does."""
    return lambda: Ledger(ledger.store, TARGET, "bench").records()


def plain_write(folder: Path) -> Act:
    """The least that a durable record costs."""
    data = canonical_json(dict(BODY))
    path = folder / "plain"

    def write() -> None:
        with path.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())

    return write


def release() -> tuple[ReleaseSpec, dict[str, str]]:
    """A specification of one service, and as many observed fields as one usually has."""
    resources = Resources(memory_bytes=64 * 1024 * 1024, cpu_millis=250, pids=64)
    image = f"127.0.0.1:5055/bench/web@sha256:{'1' * 64}"
    web = ServiceSpec(name="web", image=image, user="65532:65532", resources=resources, port=8000)
    spec = ReleaseSpec(target=TARGET, services=(web,), front="web", port=18080)
    return spec, {f"services.web.field{n}": f"value {n}" for n in range(40)}


def show(results: list[Result]) -> None:
    print(f"{'ours / plain':32} {'ours ms':>9} {'p90':>9} {'plain ms':>9} {'ratio':>7}")
    for result in results:
        ours, plain = statistics.median(result.ours), statistics.median(result.plain)
        p90 = statistics.quantiles(result.ours, n=10)[-1] if len(result.ours) > 1 else ours
        numbers = f"{ours * 1e3:9.3f} {p90 * 1e3:9.3f} {plain * 1e3:9.3f} {result.ratio:7.2f}"
        print(f"{result.name:32} {numbers}  {result.verdict}")


if __name__ == "__main__":
    sys.exit(main())
