"""Releases by the shipped account, in the shipped namespace, under the shipped policies."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from blocks.platforms.kubernetes_access import by_settings
from blocks.platforms.kubernetes_api import ApiRefused, refusal
from blocks.platforms.kubernetes_api import Cluster as Api
from slipway.appfile_objects import Autoscale, Ingress
from slipway.errors import Cause, SlipwayError
from slipway.release import SmokeSpec, Target
from tests.rig.kubernetes_rig import Cluster, KubectlFailed
from tests.rig.kubernetes_site import Site
from tests.rig.kubernetes_world import KubernetesWorld, asking

pytestmark = pytest.mark.kubernetes


@pytest.fixture(scope="module")
def site(cluster: Cluster) -> Iterator[Site]:
    made = Site(cluster, cluster.registry)
    try:
        yield made.up()
    finally:
        made.down()


@pytest.fixture
def world(site: Site, own_cluster: Cluster, tmp_path: Path) -> KubernetesWorld:
    """dev's namespace, in the hands of dev's deployer."""
    runner = site.namespace("runner dev")
    kubeconfig = own_cluster.account_kubeconfig(runner, "slipway-deployer", tmp_path)
    limited = replace(own_cluster, kubeconfig=kubeconfig)
    target = Target(app="vouchers", environment="dev")
    return KubernetesWorld(limited, site.namespace("app dev"), own_cluster.push("one"), target)


def test_a_release_and_its_way_back_need_no_more_than_what_is_shipped(
    world: KubernetesWorld,
) -> None:
    """G13, S1-23, S1-39, S1-43, S2-25: proved, deployed, replaced, taken back, tidied."""
    one = world.spec("one", replicas=2, secrets={"database-url": "v7"})
    smoke = SmokeSpec(service="web", command=("python", "-c", "pass"), deadline_seconds=60)
    two = asking(
        world.spec("two", replicas=2, secrets={"database-url": "v8"}),
        autoscale=Autoscale(max=3),
        ingress=Ingress(host="vouchers.example.org"),
        smoke=smoke,
    )
    world.deploy(one)
    world.deploy(two, one)
    assert world.get() == "200 two"
    assert world.platform.prove(one)
    world.deploy(one, two)
    assert world.get() == "200 one"
    world.retire(one)
    assert world.objects("hpa,ingresses,jobs") == []
    assert {"default-deny", "allow-dns"} <= {
        policy["metadata"]["name"] for policy in world.objects("networkpolicies")
    }, "what the namespace came with is not the release's to remove"


def test_an_image_from_elsewhere_is_refused_before_anything_changes(
    world: KubernetesWorld, cluster: Cluster
) -> None:
    """S3-11: by the cluster itself, through the dry run of every object."""
    world.deploy(world.spec("one"))
    foreign = world.spec("two", image=cluster.needs_login(world.image))
    with pytest.raises(SlipwayError) as caught:
        world.deploy(foreign, world.spec("one"))
    assert "images must come from" in str(caught.value.found)
    assert world.get() == "200 one"


def test_another_environments_namespace_is_out_of_reach(world: KubernetesWorld, site: Site) -> None:
    """G13: dev's deployer gets nothing done in prod's."""
    elsewhere = replace(world, namespace=site.namespace("app prod"))
    with pytest.raises(SlipwayError) as caught:
        elsewhere.deploy(elsewhere.spec("one"))
    assert "orbidden" in str(caught.value) + str(caught.value.found) + str(caught.value.evidence)


def test_a_token_that_ended_is_read_anew_once_and_then_told(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    """H2: a client that was open meanwhile goes on by what the kubeconfig says now."""
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    first = cluster.limited_kubeconfig(namespace, rules, tmp_path)
    second = cluster.limited_kubeconfig(namespace, rules, tmp_path)
    api = Api(by_settings(first, None))
    try:
        assert api.list("Pod", namespace) == []
        cluster.kubectl("delete", "serviceaccount", first.stem, namespace=namespace)
        await_refused(cluster, first)
        first.write_text(second.read_text())
        assert api.list("Pod", namespace) == []
        first.write_text(second.read_text().replace('"token": "', '"token": "x'))
        api.close()
        with pytest.raises(ApiRefused, match="401") as caught:
            api.list("Pod", namespace)
    finally:
        api.close()
    told = refusal("listing pods", caught.value)
    assert told.cause is Cause.PERMISSION
    assert "does not accept the credential any more" in str(told)


def await_refused(cluster: Cluster, kubeconfig: Path) -> None:
    """The API server remembers a good token for some seconds."""
    limited, until = replace(cluster, kubeconfig=kubeconfig), time.monotonic() + 90
    while time.monotonic() < until:
        try:
            limited.kubectl("auth", "whoami")
        except KubectlFailed:
            return
        time.sleep(0.5)
    raise AssertionError("the token of a deleted account is still accepted")
