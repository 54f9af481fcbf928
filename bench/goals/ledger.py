"""What every command waits for: an append, and a plan."""

from collections.abc import Callable
from pathlib import Path

from bench.goals.p13_signing import TARGET, chain
from bench.measured import Result, in_turns
from bench.session import Session
from slipway.canonical import canonical_json
from slipway.directory_store import DirectoryStore
from slipway.ledger import Kind, Ledger
from slipway.plan import make_plan
from slipway.platform import Observation
from slipway.release import ReleaseSpec, Resources, ServiceSpec

TIMES = 20


def measure(session: Session) -> list[Result]:
    """Each act many times a round; the numbers are of all of them."""
    long, short = (chain(session.new_folder(f"append-{n}"), n) for n in (200, 20))
    late, early = in_turns(session.rounds, many(appending(long)), many(appending(short)))
    wanted = {f"services.web.field{n}": f"value {n}" for n in range(40)}
    planned, written = in_turns(
        session.rounds, many(planning(wanted)), many(lambda: canonical_json(dict(wanted)))
    )
    return [
        Result("ledger", f"{TIMES} appends at 1000 records", "at 100", late, early, most=1.2),
        Result("plan", f"{TIMES} plans without a difference", "their JSON", planned, written),
    ]


def many(act: Callable[[], object]) -> Callable[[], None]:
    def acts() -> None:
        for _ in range(TIMES):
            act()

    return acts


def appending(folder: Path) -> Callable[[], object]:
    """Append to a chain that was read before."""
    ledger = Ledger(DirectoryStore(folder), TARGET, "bench")
    ledger.records()
    return lambda: ledger.append(Kind.OBSERVED, {"step": "release started"})


def planning(wanted: dict[str, str]) -> Callable[[], object]:
    """A plan of one service that runs as wanted."""
    resources = Resources(memory_bytes=64 * 1024 * 1024, cpu_millis=250, pids=64)
    image = f"127.0.0.1:5055/bench/web@sha256:{'1' * 64}"
    web = ServiceSpec(name="web", image=image, user="65532:65532", resources=resources, port=8000)
    spec = ReleaseSpec(target=TARGET, services=(web,), front="web", port=18080)
    candidate, seen = f"{image[:20]}@sha256:{'0' * 64}", Observation(fields=wanted, revision="1")
    return lambda: make_plan(candidate, spec, seen, wanted)
