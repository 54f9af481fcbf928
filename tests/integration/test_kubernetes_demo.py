"""What `make demo TARGET=kubernetes` does beside the story: namespaces, pulls, ways to Services.

The whole story takes longer than a lane has; it is told by hand.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from slipway.cli.demo.cluster import DemoCluster, remove_demo
from slipway.cli.demo.pulls import refuse_unreached
from slipway.cli.demo.ways import ServiceWays, Way, are_services_routed
from slipway.cli.stack.settings import StackSettings
from slipway.errors import Refused, Unreachable
from slipway.release import KubernetesSpec, Target
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_world import PORT, KubernetesWorld

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(300)]


@pytest.fixture
def demo(cluster: Cluster, tmp_path: Path) -> Iterator[DemoCluster]:
    """Of a stack of the test's own; what it made is taken away."""
    settings = StackSettings(
        name="tests", state=tmp_path, kubeconfig=cluster.kubeconfig, kube_context=cluster.context
    )
    yield DemoCluster(settings)
    remove_demo(tmp_path)


@pytest.fixture
def target(namespace: str) -> Target:
    return Target(app=namespace, environment="demo")


def get(way: Way | None, path: str) -> str:
    assert way
    with httpx.Client(verify=way.verify, headers=way.headers, trust_env=False) as client:
        return client.get(f"{way.url}{path}", timeout=10).text.strip()


def test_pods_of_the_demo_pull_and_are_reached_by_both_ways(
    demo: DemoCluster, target: Target, own_cluster: Cluster, tmp_path: Path
) -> None:
    """The node itself has no login for the registry's other name, as on somebody's cluster."""
    image = own_cluster.needs_login(own_cluster.push("one"))
    login = {**own_cluster.credentials, "registry": image.partition("/")[0]}
    (place,) = demo.prepare([target], login)
    world = KubernetesWorld(own_cluster, place, image, target)
    there = KubernetesSpec(namespace=place, service_account=target.app)
    spec = world.spec("one", strategy="blue-green").model_copy(update={"kubernetes": there})
    address = f"http://web.{place}.svc:{PORT}"
    assert ServiceWays(demo, is_routed=True)(address) is None
    world.deploy(spec)
    with demo.opened() as opened:
        assert are_services_routed(opened)
    assert world.is_reached()
    for is_routed in (True, False):
        assert get(ServiceWays(demo, is_routed)(address), "/version") == "one"
    assert demo.prepare([target], login) == [place], "a second time changes nothing"
    assert remove_demo(tmp_path) == [place]
    assert own_cluster.kubectl("get", "namespace", place, "--ignore-not-found") == ""
    assert remove_demo(tmp_path) == []


def test_a_registry_that_nodes_do_not_reach_is_told_before_the_story(
    demo: DemoCluster, target: Target, own_cluster: Cluster
) -> None:
    """By the node's own words, as on a cluster whose 127.0.0.1 is not this machine's."""
    registry = own_cluster.needs_login(own_cluster.push("one")).partition("/")[0]
    (place,) = demo.prepare([target], {**own_cluster.credentials, "registry": registry})
    with demo.opened() as opened:
        refuse_unreached(opened, place, target.app, registry)
        with pytest.raises(Unreachable, match="connection refused") as caught:
            refuse_unreached(opened, place, target.app, "127.0.0.1:1")
    assert "docs/kubernetes.md" in str(caught.value.next_step)
    assert own_cluster.kubectl("get", "pods", "--output=name", namespace=place) == ""


def test_a_namespace_of_somebody_else_is_left_alone(
    demo: DemoCluster, target: Target, cluster: Cluster, tmp_path: Path
) -> None:
    place = f"{target.app}-demo"
    cluster.kubectl("create", "namespace", place)
    try:
        with pytest.raises(Refused, match="not of this demo"):
            demo.prepare([target], {})
        assert remove_demo(tmp_path) == []
        assert cluster.get("namespace", place)["status"]["phase"] == "Active"
    finally:
        cluster.remove_namespace(place)
