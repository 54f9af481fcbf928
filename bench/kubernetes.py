"""Measure a rollback on a cluster: Slipway's beside kubectl's, in turns, in one run.

    python -m bench.kubernetes               table, and bench/kubernetes.json with every round
    python -m bench.kubernetes --gate        also fail where the ratio is above its goal

SLIPWAY_TEST_CLUSTER names the folder of a cluster of `python -m tests.cluster up FOLDER`; without
it one is brought up and taken down. Both ways move the same Deployment of two pods, each in a
namespace of its own. Ours fences, proves, rolls out, verifies digests, routes and answers, and
records; kubectl's is `rollout undo` and `rollout status`.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from bench.run import Result, show
from tests.cluster import cluster as clusters
from tests.cluster.choice import Choice, choose
from tests.rig.docker_rig import Rig
from tests.rig.doomed import Site
from tests.rig.kubernetes_rig import Cluster, reach_own, remove_quietly
from tests.rig.kubernetes_world import KubernetesWorld

RESULTS = Path(__file__).parent / "kubernetes.json"
GOAL = 1.1
REPLICAS = 2
BAKE_MILLIS = 100


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--gate", action="store_true", help="fail where the goal is not met")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with reached() as cluster, tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        result, steps = measured(cluster, Path(folder), options.rounds)
    show([result])
    row = asdict(result) | {"ratio": result.ratio, "steps": steps}
    RESULTS.write_text(json.dumps({"load": load, "results": [row]}, indent=2) + "\n")
    return int(options.gate and "NOT" in result.verdict)


@contextmanager
def reached() -> Iterator[Cluster]:
    """The chosen cluster of our own, or a new one meanwhile."""
    choice = choose(os.environ)
    was_running = clusters.running(choice.folder) is not None
    clusters.up(choice.folder, lambda line: print(line, file=sys.stderr))
    images = Rig().start()
    try:
        yield reach_own(Choice(folder=choice.folder), images)
    finally:
        images.close()
        if not was_running:
            clusters.down(choice.folder)


def measured(cluster: Cluster, folder: Path, rounds: int) -> tuple[Result, list[dict[str, float]]]:
    """Seconds of both ways in each round, and of our steps; the first round is not counted."""
    image = cluster.push("one")
    spaces = [cluster.new_namespace() for _ in range(2)]
    try:
        ours, plain = (site(cluster, space, image, folder / space) for space in spaces)
        released(plain, "two")
        taken = [(by_slipway(ours, turn), by_kubectl(plain)) for turn in range(rounds + 1)][1:]
    finally:
        for space in spaces:
            remove_quietly(cluster, space)
    own = [seconds for (seconds, _), _ in taken]
    result = Result("rollback / kubectl undo, status", own, [other for _, other in taken], GOAL)
    return result, [steps for (_, steps), _ in taken]


def site(cluster: Cluster, namespace: str, image: str, folder: Path) -> Site:
    """Release `one` serves there."""
    made = Site(KubernetesWorld(cluster, namespace, image), folder)  # type: ignore[arg-type]
    released(made, "one")
    return made


def released(site: Site, version: str) -> None:
    site.deploy(site.world.spec(version, replicas=REPLICAS, bake_millis=BAKE_MILLIS))


def by_slipway(site: Site, turn: int) -> tuple[float, dict[str, float]]:
    """Seconds of a rollback, and of each of its steps."""
    released(site, f"next-{turn}")
    begun: dict[str, float] = {}
    steps: dict[str, float] = {}

    def observe(name: str, point: str) -> None:
        if point == "intended":
            begun[name] = time.perf_counter()
        elif name in begun:
            steps[name] = time.perf_counter() - begun[name]

    return seconds(lambda: asyncio.run(site.engine(observe).rollback("bench", "measured"))), steps


def by_kubectl(site: Site) -> float:
    """Seconds of what people do without us."""
    world = site.world

    def undo() -> None:
        world.kubectl("rollout", "undo", "deployment/web")  # type: ignore[attr-defined]
        world.kubectl("rollout", "status", "deployment/web")  # type: ignore[attr-defined]

    return seconds(undo)


def seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
