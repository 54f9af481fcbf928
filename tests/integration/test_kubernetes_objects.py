"""What a release may ask for beside its workloads, and what is proved before any of it is made."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks.platforms.kubernetes_images import in_registry
from blocks.platforms.kubernetes_prove import every_object
from slipway.appfile_objects import Autoscale, Ingress
from slipway.directory_store import DirectoryStore
from slipway.errors import Cause, ImageMissing, StepFailed, VerificationFailed
from slipway.release import ReleaseSpec, SmokeSpec
from tests.rig.kubernetes_files import problems
from tests.rig.kubernetes_helm_world import HelmWorld
from tests.rig.kubernetes_manifests import ManifestWorld, front, workload
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_schemas import VERSIONS, make_schemas
from tests.rig.kubernetes_tools import tool
from tests.rig.kubernetes_world import KubernetesWorld, asking

pytestmark = pytest.mark.kubernetes


@pytest.fixture
def world(cluster: Cluster, namespace: str) -> Iterator[KubernetesWorld]:
    return KubernetesWorld(cluster, namespace, cluster.push("one"))


def replicas(world: KubernetesWorld) -> int:
    return int(world.cluster.get("deployment", "web", world.namespace)["spec"]["replicas"])


def scale(world: KubernetesWorld, number: int) -> None:
    """Write a number as the autoscaler's controller does, which has no metrics to go by here."""
    patch = f'{{"spec": {{"replicas": {number}}}}}'
    who = "--field-manager=kube-controller-manager"
    world.kubectl("patch", "deployment/web", "--subresource=scale", who, "--patch", patch)


def test_an_autoscaler_has_the_number_and_comes_and_goes_with_its_release(
    world: KubernetesWorld,
) -> None:
    """S1-43, S1-15, N17: no plan, proof or release calls its scaling a change, or undoes it."""
    one = world.spec("one", replicas=1)
    two, three = (
        asking(world.spec(version, replicas=2), autoscale=Autoscale(max=4))
        for version in ("two", "three")
    )
    world.deploy(one)
    world.deploy(two, one)
    assert replicas(world) == 2
    scaler = world.cluster.get("hpa", "web", world.namespace)["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 4)
    before = world.platform.observe(world.target)
    scale(world, 3)
    after = world.platform.observe(world.target)
    assert dict(after.fields) == world.platform.render(two)
    assert after.revision == before.revision
    assert world.platform.prove(two)
    world.deploy(three, two)
    assert replicas(world) == 3, "as many as the autoscaler set"
    world.retire(three, two)
    back = world.deploy(one)
    assert back["workloads applied"]["unscaled"] == ["HorizontalPodAutoscaler/web"]
    assert (replicas(world), world.objects("hpa")) == (1, [])
    world.deploy(two)
    assert replicas(world) == 2
    assert world.cluster.get("hpa", "web", world.namespace)["spec"]["maxReplicas"] == 4
    assert dict(world.platform.observe(world.target).fields) == world.platform.render(two)
    world.retire()
    assert world.objects("hpa,deployments,services") == []


def test_a_way_in_from_outside_is_made_told_and_taken_away(world: KubernetesWorld) -> None:
    """S1-28, S1-41: no certificate, nothing changed; the address once somebody gives one."""
    plain = world.spec("one")
    way = Ingress(host="shop.example.org", class_name="nginx", tls_secret="shop-tls")
    open_ = asking(world.spec("one"), ingress=way, service_type="LoadBalancer")
    with pytest.raises(StepFailed, match=r"no certificate for shop\.example\.org"):
        world.deploy(open_)
    assert world.objects("deployments,services,ingresses") == []
    literals = ("--from-literal=tls.crt=none", "--from-literal=tls.key=none")
    world.kubectl("create", "secret", "generic", "shop-tls", *literals)
    seen = world.deploy(open_)["traffic switched"]["reachable at"]
    assert seen == [
        "no address yet:8080",
        "https://shop.example.org/ at no address yet",
    ]
    given = '{"status": {"loadBalancer": {"ingress": [{"hostname": "lb.example.org"}]}}}'
    for made in ("service/web", "ingress/web"):
        world.kubectl("patch", made, "--subresource=status", "--type=merge", "--patch", given)
    assert world.deploy(open_)["release verified"]["reachable at"] == [
        "lb.example.org:8080",
        "https://shop.example.org/ at lb.example.org",
    ]
    assert dict(world.platform.observe(world.target).fields) == world.platform.render(open_)
    world.deploy(plain, open_)
    world.retire(plain)
    assert world.objects("ingresses") == []
    assert world.cluster.get("service", "web", world.namespace)["spec"]["type"] == "ClusterIP"


ASKING = "import sys, urllib.request as r; t = r.urlopen('http://web:8080/version').read().decode()"
SAYING = f"{ASKING}; print('answered', t); sys.exit(0 if t == '{{wanted}}' else 7)"


def smoked(world: KubernetesWorld, version: str, wanted: str) -> ReleaseSpec:
    """A release whose test wants that answer of the front Service."""
    command = ("python", "-c", SAYING.format(wanted=wanted))
    smoke = SmokeSpec(service="web", command=command, deadline_seconds=60)
    return asking(world.spec(version), smoke=smoke)


def test_a_smoke_test_runs_as_a_job_of_the_release_and_its_exit_code_decides(
    world: KubernetesWorld,
) -> None:
    """S1-25, A2: by digest and hardened, once in a claim; what it said is evidence."""
    label = "pod-security.kubernetes.io/enforce=restricted"
    world.cluster.kubectl("label", "namespace", world.namespace, label)
    good, bad = smoked(world, "one", "one"), smoked(world, "two", "three")
    told = world.deploy(good)["smoke test passed"]
    assert (told["ran"], told["exit code"]) == (True, 0)
    assert any("answered one" in line for line in told["said"])
    again = world.deploy(good)["smoke test passed"]
    assert again["ran"] is False, "within a claim it is found by its name"
    world.retire(good)
    (job,) = world.objects("jobs")
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == good.services[0].image
    with pytest.raises(VerificationFailed, match="failed with exit code 7") as failed:
        world.deploy(bad, good)
    assert any("answered two" in line for line in failed.value.evidence)
    later = world.holder(2)
    assert later.deploy(good)["smoke test passed"]["ran"] is True, "a way back is tested anew"
    unclaimed = later.holder(0).platform.forward(good, None)
    looked = [step for step in unclaimed if step.name == "smoke test passed"]
    assert later.holder(0).take(looked)["smoke test passed"]["ran"] is False
    later.retire(good)
    assert [one["metadata"]["name"] for one in world.objects("jobs")] == [f"web-smoke-{good.id}"]


def test_all_that_is_generated_fits_every_kubernetes_version(world: KubernetesWorld) -> None:
    """S1-11, S1-43: by the published schemas; 1.28 lacks the sleep of pods alone."""
    smoke = SmokeSpec(service="web", command=("smoke",), deadline_seconds=60)
    way = Ingress(host="shop.example.org", tls_secret="shop-tls")
    spec = asking(
        world.spec(replicas=2, secrets={"key": "v1"}),
        autoscale=Autoscale(),
        ingress=way,
        smoke=smoke,
    )
    made, schemas = every_object(spec, "candidate"), make_schemas()
    assert len({one["kind"] for one in made}) == 8
    told = {one: problems(tool("kubeconform"), schemas, one, made) for one in VERSIONS}
    (lacking,) = told.pop("1.28.0")
    assert "Deployment web" in lacking
    assert "sleep" in lacking
    assert not any(told.values())


def full_quota(world: KubernetesWorld, hard: str) -> None:
    """One without room, once the cluster counts by it."""
    world.kubectl("create", "quota", "small", f"--hard={hard}")
    until = time.monotonic() + 60
    while "hard" not in (world.objects("resourcequotas")[0].get("status") or {}):
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_quota_is_asked_before_manifests_change_anything(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    """C5, S1-23: what the rendered objects add, with found, allowed and the next step."""
    store = DirectoryStore(tmp_path / "ledger")
    world = ManifestWorld(cluster, namespace, cluster.push("one"), store=store)
    full_quota(world, "requests.cpu=100m")
    spec = world.with_manifests(world.spec("one", replicas=2), workload("web"), front())
    with pytest.raises(StepFailed, match="quota small has no room") as caught:
        world.deploy(spec)
    assert caught.value.cause is Cause.QUOTA
    assert caught.value.found == (
        "requests.cpu: 0 of 100m are used, 300m more are needed while it rolls out"
    )
    assert caught.value.allowed == "100m more"
    assert world.objects("deployments,services") == []


def test_a_quota_is_asked_before_a_chart_changes_anything(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    """C5, S1-23: what Helm rendered is counted, and nothing is installed."""
    helm = tool("helm4")
    world = HelmWorld(cluster, namespace, cluster.push("one"), helm=helm, folder=tmp_path)
    full_quota(world, "pods=0")
    with pytest.raises(StepFailed, match="quota small has no room") as caught:
        world.deploy(world.spec("base"))
    assert caught.value.cause is Cause.QUOTA
    assert world.objects("deployments,services") == []


def test_a_digest_that_the_registry_lacks_is_refused_before_anything_changes(
    world: KubernetesWorld,
) -> None:
    """S1-23: asked by digest with the runtime login; what is there is a fact of the release."""
    pair = world.cluster.credentials
    login = (pair["username"], SecretStr(pair["password"]))
    platform = replace(world.platform, image=in_registry(lambda host: login))
    gone = world.spec(image=f"{world.image.partition('@')[0]}@sha256:{'0' * 64}")
    with pytest.raises(ImageMissing) as caught:
        world.take(platform.forward(gone, None))
    assert caught.value.cause is Cause.IMAGE
    assert world.objects("deployments,services") == []
    good = world.spec("one")
    steps = platform.forward(good, None)
    accepted = world.take(steps, until="config and secrets written")["release accepted"]
    assert f"image {world.image} can be pulled" in accepted["facts"]
