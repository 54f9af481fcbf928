"""P4 on Kubernetes: a rollback beside `kubectl rollout undo` and `rollout status`.

SLIPWAY_TEST_CLUSTER names the folder of a cluster of `python -m tests.cluster up FOLDER`; without
it one is brought up and taken down. Both ways move the same Deployment of two pods, each in a
namespace of its own. Ours fences, proves, rolls out, verifies digests, routes and answers, and
records; kubectl's does `rollout undo` and `rollout status`.
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.measured import Result, seconds
from bench.session import Session
from tests.cluster import cluster as clusters
from tests.cluster.choice import Choice, choose
from tests.rig.docker_rig import Rig
from tests.rig.doomed import Site
from tests.rig.kubernetes_rig import Cluster, reach_own, remove_quietly
from tests.rig.kubernetes_world import KubernetesWorld

REPLICAS = 2
BAKE_MILLIS = 100


def measure(session: Session) -> list[Result]:
    """In turns; the first round is not counted."""
    with reached(session.docker) as cluster:
        image, spaces = cluster.push("one"), [cluster.new_namespace() for _ in range(2)]
        try:
            ours, plain = (site(session, cluster, space, image) for space in spaces)
            released(plain, "two")
            turns = range(session.rounds + 1)
            taken = [(by_slipway(ours, turn), by_kubectl(plain)) for turn in turns][1:]
        finally:
            for space in spaces:
                remove_quietly(cluster, space)
    own, other = zip(*taken, strict=True)
    name = "rollback on Kubernetes, to the end"
    return [Result("P4", name, "kubectl rollout undo, status", own, other, most=1.1)]


@contextmanager
def reached(images: Rig) -> Iterator[Cluster]:
    """The chosen cluster of our own, or a new one meanwhile."""
    choice = choose(os.environ)
    was_running = clusters.running(choice.folder) is not None
    clusters.up(choice.folder, lambda line: print(line, file=sys.stderr))
    try:
        yield reach_own(Choice(folder=choice.folder), images)
    finally:
        if not was_running:
            clusters.down(choice.folder)


def site(session: Session, cluster: Cluster, namespace: str, image: str) -> Site:
    """Release `one` serves there."""
    world = KubernetesWorld(cluster, namespace, image)
    made = Site(world, session.new_folder(namespace))  # type: ignore[arg-type]
    released(made, "one")
    return made


def released(site: Site, version: str) -> None:
    site.deploy(site.world.spec(version, replicas=REPLICAS, bake_millis=BAKE_MILLIS))


def by_slipway(site: Site, turn: int) -> float:
    """Seconds of a rollback from the release of this turn."""
    released(site, f"next-{turn}")
    return seconds(lambda: asyncio.run(site.engine().rollback("bench", "measured")))


def by_kubectl(site: Site) -> float:
    """Seconds of what people do without us."""
    world = site.world

    def undo() -> None:
        world.kubectl("rollout", "undo", "deployment/web")  # type: ignore[attr-defined]
        world.kubectl("rollout", "status", "deployment/web")  # type: ignore[attr-defined]

    return seconds(undo)
