"""A canary by the weights of an HTTPRoute, on a real cluster and behind a real gateway."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from blocks.platforms.kubernetes_owners import FieldConflict
from blocks.platforms.kubernetes_rights import VERBS
from slipway.errors import Refused, StepFailed, Superseded
from slipway.release import ReleaseSpec, Weight
from tests.rig import doomed
from tests.rig.doomed import Site, deploying
from tests.rig.kubernetes_gateway import NAME, Edge, gateway
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_world import KubernetesWorld, asking
from tests.rig.traffic import Load, drive, drive_during

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(1200)]
FIFTH = Weight(weight=5, hold_millis=200)
HALF = Weight(weight=50, hold_millis=200)


@pytest.fixture(scope="module")
def edge(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    if not cluster.layout:
        pytest.skip(f"needs a cluster of the tests' own; {cluster.context} was chosen")
    with gateway(cluster, tmp_path_factory.mktemp("edge")) as made:
        yield made


@pytest.fixture
def world(cluster: Cluster, namespace: str) -> KubernetesWorld:
    return KubernetesWorld(cluster, namespace, cluster.push("one"))


def host_of(world: KubernetesWorld) -> str:
    return f"{world.namespace}.example.org"


def canary(
    world: KubernetesWorld,
    edge: Edge,
    version: str,
    *weights: Weight,
    name: str = NAME,
    **given: Any,
) -> ReleaseSpec:
    made = world.spec(
        version, strategy="canary", canary=weights or (HALF,), bake_millis=100, **given
    )
    return asking(made, gateway=edge.way(host_of(world), name))


def load_of(world: KubernetesWorld, edge: Edge, seconds: float) -> Load:
    """Of clients that ask for the release's name at the gateway."""
    return Load(edge.port, seconds, name=host_of(world), path="/slow/0", keep_alive=4, anew=4)


def weights(world: KubernetesWorld) -> dict[str, int]:
    """Of each Service that the route leads to."""
    (route,) = world.objects("httproutes")
    (rule,) = route["spec"]["rules"]
    return {one["name"]: one["weight"] for one in rule["backendRefs"]}


def standing(world: KubernetesWorld) -> list[str]:
    found = world.objects("deployments,services,networkpolicies,httproutes")
    return sorted(f"{made['kind']}/{made['metadata']['name']}" for made in found)


SETTLED = [
    *("Deployment/web", "HTTPRoute/web", "NetworkPolicy/web"),
    *("Service/web", "Service/web-preview"),
]


async def test_a_canary_has_its_weight_of_the_requests_and_none_is_lost(
    world: KubernetesWorld, edge: Edge
) -> None:
    """S1-57, S1-32: one pod of three has 5 %; who passes the gateway by meets none."""
    one = canary(world, edge, "one", replicas=2)
    two = canary(world, edge, "two", FIFTH, HALF, replicas=2)
    await asyncio.to_thread(world.deploy, one)
    assert edge.get(host_of(world)) == "200 one"
    steps = world.platform.forward(two, one)
    seen: dict[str, Any] = {}
    load = load_of(world, edge, 1)

    def until(last: str) -> Callable[[], None]:
        return lambda: seen.update(world.take(steps[len(seen) :], until=last))

    first = await drive_during(load, until("canary at 50 %"))
    assert (weights(world), seen["canary at 5 %"]["canary"]) == (
        {"web": 95, "web-canary": 5},
        {"web": 1},
    )
    at_five = await drive(replace(load, seconds=5, pause=0.005))
    inside = await drive(Load(8080, 1, host=world.address, path="/slow/0"))
    second = await drive_during(load, until("workloads applied"))
    at_half = await drive(replace(load, seconds=3, pause=0.005))
    amid = world.platform.observe(world.target)
    assert (amid.serving, amid.fields["route.web.weights"]) == (one.id, "web 50, web-canary 50")
    rest = await drive_during(load, until(""))
    tallies = (first, at_five, inside, second, at_half, rest)
    assert [failure for tally in tallies for failure in tally.failures] == []
    assert set(inside.bodies) == {"one"}
    assert at_five.sent > 500
    assert 0.02 < at_five.bodies["two"] / at_five.sent < 0.09
    assert 0.4 < at_half.bodies["two"] / at_half.sent < 0.6
    assert (edge.get(host_of(world)), standing(world)) == ("200 two", SETTLED)
    assert dict(world.platform.observe(world.target).fields) == world.platform.render(two)
    kinds = {one.partition("/")[0] for one in world.retire(two)["old releases removed"]["removed"]}
    assert kinds == {"ConfigMap"}
    world.retire()
    assert [one for one in standing(world) if "HTTPRoute" in one] == []


BOUNDARIES = (
    "canary at 50 %: acted",
    "canary removed: acted",
)


async def test_a_canary_killed_at_any_boundary_leaves_a_route_to_what_serves(
    world: KubernetesWorld, edge: Edge, tmp_path: Path
) -> None:
    """A1, A2, A12: by SIGKILL; the route is put back before what it leads to goes."""
    site: Any = Site(world, tmp_path)  # type: ignore[arg-type]
    await asyncio.to_thread(site.deploy, canary(world, edge, "base"))
    for number, boundary in enumerate(BOUNDARIES):
        act = deploying(canary(world, edge, f"v{number}"))

        def fall(act: Any = act, boundary: str = boundary) -> None:
            site.run_until(act, boundary)
            site.outlive_lease()
            if boundary == BOUNDARIES[0]:
                assert weights(world) == {"web": 50, "web-canary": 50}
                site.run_until(doomed.recovery, "canary withdrawn: acted")
                assert standing(world) == SETTLED
                site.outlive_lease()
            site.recover()

        tally = await drive_during(load_of(world, edge, 0.5), fall)
        assert tally.failures == [], boundary
        assert site.is_settled, boundary
        assert (weights(world), standing(world)) == ({"web": 100}, SETTLED), boundary
        assert edge.get(host_of(world)) == "200 base", boundary


EDIT = '[{"op": "replace", "path": "/spec/rules/0/backendRefs/0/name", "value": "web-preview"}]'


def test_a_route_in_other_hands_is_told_and_taken_back_by_a_way_back_alone(
    world: KubernetesWorld, edge: Edge
) -> None:
    """B3, B8, N17: whoever holds the route's rules is named, and a replaced holder moves none."""
    one, two = (canary(world, edge, version) for version in ("one", "two"))
    world.deploy(one)
    steps = world.platform.forward(two, one)
    world.take(steps, until="workloads applied")
    touched = world.platform.fence(world.target, world.token + 1)["touched"]
    assert {"HTTPRoute/web", "Service/web-canary", "NetworkPolicy/web-canary"} <= set(touched)
    for move in (one for one in steps if one.name in ("canary at 50 %", "canary removed")):
        with pytest.raises(Superseded):
            move.run(world.context)
    assert weights(world) == {"web": 50, "web-canary": 50}
    newer = world.holder(world.token + 1)
    back = newer.deploy(one)
    assert back["canary withdrawn"]["route.web.weights"] == "web 100"
    newer.kubectl("patch", "httproute", "web", "--type=json", f"--patch={EDIT}")
    fields = newer.platform.observe(world.target).fields
    assert fields["route.web.weights"] == "web-preview 100"
    told = newer.platform.managers(world.target, ["route.web.weights"])
    assert told == {"route.web.weights": "kubectl-patch"}
    with pytest.raises(FieldConflict) as caught:
        newer.deploy(two, one)
    assert "kubectl-patch: .spec.rules" in str(caught.value.found)
    assert newer.deploy(one)["canary withdrawn"]["route.web.weights"] == "web 100"
    assert (weights(world), standing(world)) == ({"web": 100}, SETTLED)


def test_what_no_gateway_takes_is_no_way_in(
    world: KubernetesWorld, edge: Edge, tmp_path: Path
) -> None:
    """S1-23, C6, G13: permissions are asked first; a way back goes on without its controller."""
    rules = [
        {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
        for (group, resource), verbs in VERBS.items()
    ]
    kubeconfig = world.cluster.limited_kubeconfig(world.namespace, rules, tmp_path)
    limited = replace(world, cluster=replace(world.cluster, kubeconfig=kubeconfig))
    one = canary(world, edge, "one", deadline=8)
    with pytest.raises(Refused) as lacking:
        limited.deploy(one)
    assert "patch httproutes.gateway.networking.k8s.io" in str(lacking.value.found)
    plain = world.spec("plain")
    limited.deploy(plain)
    assert limited.platform.fence(world.target, world.token)["holder"] == world.token
    nowhere = canary(world, edge, "one", name="nowhere", deadline=8)
    with pytest.raises(StepFailed, match=r"no gateway takes HTTPRoute .*/web") as untaken:
        world.deploy(nowhere, plain)
    assert "is the Gateway there" in str(untaken.value.found)
    back = world.deploy(plain)
    assert back["traffic switched"]["closed"] == ["HTTPRoute/web"]
    assert "HTTPRoute/web" not in standing(world)
    world.deploy(one, plain)
    steps = world.platform.forward(canary(world, edge, "two"), one)
    world.take(steps, until="workloads applied")
    with edge.stopped():
        seen = world.deploy(one)["canary withdrawn"]
        assert "tells nothing of its latest change" in seen["route not taken"]
    assert (weights(world), standing(world)) == ({"web": 100}, SETTLED)
