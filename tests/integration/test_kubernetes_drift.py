"""Changes by hand on a real cluster are found by the drift watch, with who made them (N17)."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.platforms.kubernetes_owners import FieldConflict
from slipway.drift import TargetDrift, look
from slipway.release import Weight
from tests.rig import doomed
from tests.rig.doomed import Site, deploying
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_world import KubernetesWorld

pytestmark = pytest.mark.kubernetes


@pytest.fixture
def world(cluster: Cluster, namespace: str) -> Iterator[KubernetesWorld]:
    return KubernetesWorld(cluster, namespace, cluster.push("one"))


@pytest.fixture
def site(world: KubernetesWorld, tmp_path: Path) -> Site:
    """Release `one` serves, as recorded."""
    made = Site(world, tmp_path)  # type: ignore[arg-type]
    made.deploy(world.spec("one", bake_millis=100))
    return made


def seen(site: Site) -> TargetDrift:
    return look(site.world.target, site.engine().tools)


def told(site: Site) -> list[str]:
    return [str(one) for one in seen(site).fields]


def test_what_was_released_is_as_recorded(site: Site, world: KubernetesWorld) -> None:
    """Looking writes nothing."""
    before = world.cluster.get("deployment", "web", world.namespace)["metadata"]["resourceVersion"]
    assert seen(site).verdict == "as recorded"
    after = world.cluster.get("deployment", "web", world.namespace)["metadata"]["resourceVersion"]
    assert before == after


def test_scaled_by_kubectl_is_told_with_who_did_and_gone_once_undone(
    site: Site, world: KubernetesWorld
) -> None:
    """B8: a deploy of the same candidate is refused and changes nothing."""
    world.kubectl("scale", "deployment/web", "--replicas=2")
    assert told(site) == ["web.replicas: wanted 1, found 2, by kubectl"]
    assert "slipway rollback shop dev" in seen(site).next_command
    with pytest.raises(FieldConflict):
        asyncio.run(site.engine().deploy(doomed.order(world.spec("one", bake_millis=100))))
    assert told(site) == ["web.replicas: wanted 1, found 2, by kubectl"]
    world.kubectl("scale", "deployment/web", "--replicas=1")
    assert seen(site).verdict == "as recorded"


def test_an_image_set_by_hand_is_told_and_a_rollback_takes_the_field_back(
    site: Site, world: KubernetesWorld
) -> None:
    """N17: by digest, while the release's own labels still stand on the pods."""
    two = world.spec("two", bake_millis=100)
    site.deploy(two)
    other = world.cluster.push("two")
    world.kubectl("set", "image", "deployment/web", f"web={other}")
    world.kubectl("rollout", "status", "deployment/web")
    (line,) = told(site)
    assert line.startswith(f"web.image: wanted {two.services[0].digest}, found ")
    assert other.partition("@")[2] in line
    assert line.endswith("by kubectl-set")
    asyncio.run(doomed.roll_back(site.engine()))
    assert seen(site).verdict == "as recorded"
    assert world.get() == "200 one"


def test_a_variable_set_by_hand_is_named_and_its_value_is_not_shown(
    site: Site, world: KubernetesWorld
) -> None:
    """It may be a password."""
    world.kubectl("set", "env", "deployment/web", "PASSWORD=canary-by-hand")
    world.kubectl("rollout", "status", "deployment/web")
    (line,) = told(site)
    assert line.startswith("web.config.PASSWORD: wanted (absent), found (set by hand, not shown)")
    assert line.endswith("by kubectl-set")


def test_a_canary_that_stands_beside_what_serves_is_told_and_goes_with_a_release(
    site: Site, world: KubernetesWorld
) -> None:
    """N17, S1-57: it takes traffic, and no settled release has one."""
    weights = (Weight(weight=50, hold_millis=100),)
    two = world.spec("two", strategy="canary", canary=weights, bake_millis=100)
    site.run_until(deploying(two), "canary at 50 %: acted")
    left = world.cluster.get("deployment", "web-canary", world.namespace)
    site.outlive_lease()
    site.recover()
    assert seen(site).verdict == "as recorded"
    kept = {key: left["metadata"][key] for key in ("name", "labels", "annotations")}
    world.cluster.apply({**left, "metadata": kept, "status": {}}, namespace=world.namespace)
    world.kubectl("rollout", "status", "deployment/web-canary")
    (line,) = told(site)
    assert line.startswith(f"web.canary: wanted (absent), found release {two.id}")
    one = world.spec("one", bake_millis=100)
    assert seen(site).next_command == f"slipway deploy {doomed.candidate(one)} dev"
    site.deploy(one)
    assert seen(site).verdict == "as recorded"
    assert world.kubectl("get", "deployment", "web-canary", "--ignore-not-found") == ""


def test_scaled_to_nothing_says_that_nothing_serves(site: Site, world: KubernetesWorld) -> None:
    """The API server keeps no manager of a scale to 0, so none is named."""
    world.kubectl("scale", "deployment/web", "--replicas=0")
    world.kubectl("wait", "pods", "--selector=slipway.dev/app", "--for=delete", "--timeout=40s")
    (line,) = told(site)
    assert line == f"serving: wanted {site.serving}, found nothing"


def test_a_namespace_that_was_deleted_is_filled_again_by_a_deploy_of_what_served(
    site: Site, world: KubernetesWorld
) -> None:
    """N03: as docs/runbooks/namespace-restore.md says, with nothing but ledger, images, secrets."""
    spec = world.spec("two", bake_millis=100, secrets={"key": "v1"})
    site.deploy(spec)
    world.cluster.kubectl("delete", "namespace", world.namespace, "--timeout=60s")
    (line,) = told(site)
    assert line == f"serving: wanted {spec.id}, found nothing"
    assert seen(site).next_command == f"slipway deploy {doomed.candidate(spec)} dev"
    site.deploy(spec)
    assert seen(site).verdict == "as recorded"
    assert world.get() == "200 two"
