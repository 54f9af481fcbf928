"""Named states of a cluster and of the ledger, and exactly what the next command does then."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.engine import Engine
from slipway.errors import SlipwayError
from slipway.history import rollback_target, serving_release
from slipway.ledger import Kind
from slipway.release import ReleaseSpec
from tests.rig.doomed import Site, deploying, order, recovery, roll_back
from tests.rig.kubernetes_rig import Cluster, remove_quietly
from tests.rig.kubernetes_world import KubernetesWorld

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(300)]
TABLE = Path(__file__).parents[1] / "cases" / "kubernetes_states.yaml"
TABLES: dict[str, Any] = yaml.safe_load(TABLE.read_text())
TOLD = {Kind.OBSERVED: "step", Kind.CLOSED: "outcome", Kind.REFUSED: "", Kind.TAKEOVER: ""}


@dataclass
class Stage:
    """One target. Rows follow each other on it, so that what a row leaves is the next one's start.

    Attributes:
        roles: `now` serves, `before` is what a rollback goes to, `next` is what comes.
        is_sound: the last row ended as it should.
    """

    site: Site
    is_sound: bool = True
    count: int = 0
    roles: dict[str, ReleaseSpec] = field(default_factory=dict)

    @property
    def world(self) -> KubernetesWorld:
        assert isinstance(self.site.world, KubernetesWorld)
        return self.site.world

    def fresh(self, **more: Any) -> ReleaseSpec:
        """A release that was never seen here."""
        self.count += 1
        return self.world.spec(f"v{self.count}", **{"bake_millis": 100, **more})

    def prepare(self) -> None:
        """Two good releases are on record, and the newer one serves."""
        if len(self.site.records()) == 0:
            self.site.deploy(self.fresh())
            self.site.deploy(self.fresh())
        elif not self.has_way_back():
            self.site.deploy(self.fresh())
        records = self.site.records()
        serving = serving_release(records)
        assert serving
        self.roles = {"now": serving.spec, "before": rollback_target(records).spec}
        self.roles["next"] = self.fresh()

    def has_way_back(self) -> bool:
        try:
            return bool(rollback_target(self.site.records()))
        except SlipwayError:
            return False

    def die_at(self, boundary: str) -> None:
        self.site.run_until(deploying(self.roles["next"]), boundary)
        self.site.outlive_lease()

    def kubectl(self, *arguments: str) -> None:
        self.world.kubectl(*arguments)

    def acts(self, after: int) -> list[str]:
        """What was recorded after that many records, in the table's words."""
        return [
            str(record.body.get(TOLD[record.kind]) or record.kind)
            for record in self.site.records()[after:]
            if record.kind in TOLD
        ]

    def serves(self, wanted: str) -> str:
        """The role that users get; endpoints follow a change with some delay."""
        if not self.world.kubectl("get", "service", "web", "--ignore-not-found"):
            return "nothing"
        until, found = time.monotonic() + 20, ""
        while found != wanted and time.monotonic() < until:
            found = self.role_of(self.world.get()) if self.world.is_reached() else "nothing"
        return found

    def role_of(self, answer: str) -> str:
        told = {
            f"200 {spec.services[0].config['VERSION']}": role for role, spec in self.roles.items()
        }
        return told.get(answer, answer)


def new_stage(cluster: Cluster, folder: Path) -> Stage:
    world = KubernetesWorld(cluster, cluster.new_namespace(), cluster.push("one"))
    return Stage(Site(world, folder))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def stages(cluster: Cluster) -> Iterator[list[Stage]]:
    """All that were used; the last one goes on while it is sound."""
    made: list[Stage] = []
    yield made
    for stage in made:
        remove_quietly(cluster, stage.world.namespace)


def image_set(stage: Stage) -> None:
    other = stage.world.cluster.push("other")
    stage.kubectl("set", "image", "deployment/web", f"web={other}")
    stage.kubectl("rollout", "status", "deployment/web")


def failed(stage: Stage) -> None:
    with pytest.raises(SlipwayError):
        stage.site.deploy(stage.fresh(mode="never-ready", deadline=2))


def by_kubectl(*arguments: str) -> Callable[[Stage], None]:
    return lambda stage: stage.kubectl(*arguments)


STATES: Mapping[str, Callable[[Stage], None]] = {
    "nothing": lambda stage: None,
    "as recorded": lambda stage: None,
    "image set by hand": image_set,
    "scaled to zero by hand": by_kubectl("scale", "deployment/web", "--replicas=0"),
    "rollout paused by hand": by_kubectl("rollout", "pause", "deployment/web"),
    "Deployment deleted": by_kubectl("delete", "deployment", "web"),
    "Service deleted": by_kubectl("delete", "service", "web"),
    "Lease deleted": by_kubectl("delete", "lease", "--all"),
    "claimed, nothing written": lambda stage: stage.die_at("claim: recorded"),
    "workloads half applied": lambda stage: stage.die_at("workloads applied: intended"),
    "rolled out, not verified": lambda stage: stage.die_at("rollout complete: recorded"),
    "verified, not closed": lambda stage: stage.die_at("verified: recorded"),
    "a release failed": failed,
}


def deploy(role: str) -> Callable[[Stage], Awaitable[object]]:
    return lambda stage: stage.site.engine().deploy(order(stage.roles[role]))


def by_engine(act: Callable[[Engine], Awaitable[object]]) -> Callable[[Stage], Awaitable[object]]:
    return lambda stage: act(stage.site.engine())


COMMANDS: Mapping[str, Callable[[Stage], Awaitable[object]]] = {
    "deploy the same": deploy("now"),
    "deploy the next": deploy("next"),
    "rollback": by_engine(roll_back),
    "recover": by_engine(recovery),
}


async def ending(act: Awaitable[object]) -> str:
    try:
        await act
    except SlipwayError as error:
        return type(error).__name__
    return "done"


@pytest.mark.parametrize("case", TABLES["rows"], ids=lambda case: f"{case['state']}-{case['then']}")
def test_state_and_command(
    cluster: Cluster, stages: list[Stage], tmp_path: Path, case: dict[str, Any]
) -> None:
    """A1, A2, B8, D4, D6, E7, N17: the steps, in order, and who serves in the end."""
    is_new = case["state"] == "nothing" or not stages or not stages[-1].is_sound
    stage = new_stage(cluster, tmp_path) if is_new else stages[-1]
    if case["state"] == "nothing":
        stages.insert(0, stage)
        stage.roles = {"next": stage.fresh()}
    else:
        if is_new:
            stages.append(stage)
        stage.prepare()
    stage.is_sound = False
    STATES[case["state"]](stage)
    before = len(stage.site.records())
    ended = asyncio.run(ending(COMMANDS[case["then"]](stage)))
    wanted = [act for part in case["acts"] for act in TABLES["words"].get(part, [part])]
    found = (stage.acts(before), ended, stage.serves(case["serves"]))
    assert found == (wanted, case["ended"], case["serves"])
    stage.is_sound = True
