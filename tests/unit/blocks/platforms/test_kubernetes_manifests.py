"""Manifests on a cluster: both sides of fields, records, pruning, kinds, hooks; none is asked."""

import copy
import json
from typing import Any

import pytest

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes import KubernetesPlatform
from blocks.platforms.kubernetes_api import ApiRefused, Cluster
from blocks.platforms.kubernetes_hooks import exit_code, is_ended
from blocks.platforms.kubernetes_judge import Patience, is_complete, is_made_by, problems
from blocks.platforms.kubernetes_judge import State as Judged
from blocks.platforms.kubernetes_manifests import manifests_of
from blocks.platforms.kubernetes_observe import Seen, applied_fields, observation
from blocks.platforms.kubernetes_owners import is_purged
from blocks.platforms.kubernetes_records import Recorded, every, record, recorded
from blocks.platforms.kubernetes_resources import Resource, is_known, known, resource_of
from blocks.platforms.kubernetes_retire import is_replaced, rank, surplus
from blocks.platforms.kubernetes_scaling import kept_scale
from blocks.platforms.kubernetes_verify import prove_images
from slipway.bundles import Bundles
from slipway.canonical import JsonObject
from slipway.directory_store import DirectoryStore
from slipway.errors import BadInput, Cause, VerificationFailed, WayBackMissing
from slipway.manifest_documents import identity
from slipway.release import ReleaseSpec
from tests.fakes.manifests import bundle, deployment, packed, service
from tests.unit.blocks.platforms.kubernetes_manifest_releases import (
    JOB,
    as_stored,
    manifests,
    running_web,
)
from tests.unit.blocks.platforms.kubernetes_releases import IMAGE, pod, release

PLAN = Resource("tests.example.org/v1", "Plan", "plans")


def test_an_observation_reads_the_manifests_that_serve(tmp_path: Any) -> None:
    """The record names the specification; the ledger's evidence holds the files."""
    data = bundle("web")
    one = manifests(data)
    bundles = Bundles(DirectoryStore(tmp_path))
    bundles.keep(one.spec, data)
    applied, note = as_stored(one), record(one.spec, [known("Deployment")])
    seen = Seen(
        deployments=(applied["apps", "Deployment", "web"],),
        services=(applied["", "Service", "web"],),
        configs=(note,),
        pods=(labelled(one.spec),),
        applied=applied,
    )
    found = observation(seen, bundles)
    assert found.serving == one.spec.id
    assert dict(found.fields) == one.fields
    nobody = applied_fields(seen, one.spec, None)
    assert nobody["manifests"].startswith("unknown: the manifests of release")


def labelled(spec: ReleaseSpec) -> JsonObject:
    made = pod(spec)
    made["metadata"]["labels"] |= {"app.kubernetes.io/name": "web"}
    return made


@pytest.mark.parametrize("harm", ["specification", "kinds", "path", "release", "app"])
def test_a_record_that_slipway_did_not_write_tells_nothing(harm: str) -> None:
    """A specification is known by its digest, so nobody can plant another."""
    one = manifests()
    note = record(one.spec, [known("Deployment"), PLAN])
    assert recorded([note]) == [Recorded(one.spec, (known("Deployment"), PLAN))]
    changed = json.loads(note["data"]["specification"]) | {"port": 81}
    if harm == "specification":
        note["data"]["specification"] = json.dumps(changed)
    elif harm == "kinds":
        note["data"]["kinds"] = "[{}]"
    elif harm == "path":
        kind = {"version": "v1", "kind": "Secret", "plural": "../other/secrets"}
        note["data"]["kinds"] = json.dumps([kind])
    else:
        note["metadata"]["labels"][f"slipway.dev/{harm}"] = "0" * 12
    assert recorded([note]) == []


def test_every_kind_is_asked_for_once() -> None:
    one = manifests()
    other = Resource("apps/v1", "Deployment", "deployments")
    found = every([known("Service"), known("Deployment")], [Recorded(one.spec, (other, PLAN))])
    assert [resource.kind for resource in found] == ["Service", "Deployment", "Plan"]


def test_pruning_takes_what_no_release_needs_and_no_data() -> None:
    """S1-29: hooks of a way back stay; what a controller made, and volumes, are not ours."""
    one = manifests(packed(deployment("web"), service("web"), running_web("old"), JOB))
    two = manifests(bundle("web"), secrets={})
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}}
    derived = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "derived", "ownerReferences": [{"controller": True}]},
    }
    found = [*one.objects, claim, derived, record(one.spec, []), record(two.spec, [])]
    both = {spec.id: made for made in (one, two) for spec in (made.spec,)}
    gone = surplus(found, [two.spec, one.spec], both)
    assert [identity(made)[1:] for made in gone] == [("Deployment", "old")]
    gone = surplus(found, [two.spec], both)
    job, note = f"migrate-{one.spec.id}", names.record_name(one.spec)
    left = [("Deployment", "old"), ("Job", job), ("ConfigMap", note)]
    assert [identity(made)[1:] for made in gone] == left
    assert max(gone, key=rank)["metadata"]["name"] == note


@pytest.mark.parametrize(
    ("release", "selector", "goes"),
    [
        ("older", {"app.kubernetes.io/name": "web"}, True),
        ("this", {"app.kubernetes.io/name": "web"}, False),
        ("older", {"app.kubernetes.io/name": "web", names.RELEASE: "this"}, False),
        ("older", {}, False),
    ],
)
def test_a_workload_of_another_name_goes_once_it_is_replaced(
    release: str, selector: dict[str, str], *, goes: bool
) -> None:
    """Traffic to this release alone; the other colour of blue-green is selected by its release."""
    workload = deployment("web")
    workload["metadata"]["labels"] = {names.RELEASE: release}
    assert is_replaced(workload, {"spec": {"selector": selector}}, "this") is goes


def test_a_kind_of_the_same_name_in_another_group_is_another_kind() -> None:
    assert is_known({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler"})
    assert not is_known({"apiVersion": "serving.knative.dev/v1", "kind": "Service"})
    assert PLAN.path("shop", "gold") == "/apis/tests.example.org/v1/namespaces/shop/plans/gold"
    assert known("Namespace").path("shop", "shop") == "/api/v1/namespaces/shop"


class Discovery(Cluster):
    """Answers what a server that knows two kinds and one namespace would."""

    def get(self, path: str, **query: str | int) -> JsonObject:
        if path == "/api/v1/namespaces/shop":
            return {"kind": "Namespace", "metadata": {"name": "shop", "labels": {"a": "b"}}}
        if path != "/apis/tests.example.org/v1":
            raise ApiRefused(404, {})
        plans = {"kind": "Plan", "name": "plans", "namespaced": True}
        regions = {"kind": "Region", "name": "regions", "namespaced": False}
        return {"resources": [plans | {"name": "plans/status"}, plans, regions]}


def test_of_namespaces_the_own_one_alone_is_looked_at() -> None:
    """G13: listing them is a right over the whole cluster."""
    cluster, resource = Discovery(access=lambda: pytest.fail("no client")), known("Namespace")
    assert [made["metadata"]["name"] for made in resource.list(cluster, "shop", "a=b")] == ["shop"]
    assert resource.list(cluster, "shop", "a=c") == []
    assert resource.list(cluster, "gone", "a=b") == []


@pytest.mark.parametrize(
    ("version", "kind", "told"),
    [
        ("tests.example.org/v1", "Region", "a kind of the whole cluster"),
        ("tests.example.org/v1", "Other", "does not know"),
        ("elsewhere.example.org/v1", "Plan", "does not know"),
    ],
)
def test_a_kind_that_is_not_of_a_namespace_is_refused(version: str, kind: str, told: str) -> None:
    """S2-14: by the cluster's own word."""
    cluster = Discovery(access=lambda: pytest.fail("no client is needed"))
    metadata = {"name": "eu"}
    wanted = {"apiVersion": "tests.example.org/v1", "kind": "Plan", "metadata": metadata}
    assert resource_of(cluster, wanted) == PLAN
    with pytest.raises(BadInput, match=told):
        resource_of(cluster, {"apiVersion": version, "kind": kind, "metadata": metadata})


def stateful(**status: Any) -> JsonObject:
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    given = {"observedGeneration": 2, "currentRevision": "b", "updateRevision": "b"}
    made = {**given, **dict.fromkeys(counts, 2), **status}
    return {"kind": "StatefulSet", "metadata": {"generation": 2}, "spec": {"replicas": 2}} | {
        "status": made
    }


def on_nodes(**status: Any) -> JsonObject:
    counts = ("currentNumberScheduled", "updatedNumberScheduled", "numberReady", "numberAvailable")
    made = {"observedGeneration": 1, "desiredNumberScheduled": 3, **dict.fromkeys(counts, 3)}
    return {"kind": "DaemonSet", "metadata": {"generation": 1}, "spec": {}} | {
        "status": {**made, **status}
    }


@pytest.mark.parametrize(
    ("workload", "complete"),
    [
        (stateful(), True),
        (stateful(updatedReplicas=1), False),
        (stateful(currentRevision="a"), False),
        (stateful(observedGeneration=1), False),
        (on_nodes(), True),
        (on_nodes(updatedNumberScheduled=2), False),
        (on_nodes(numberAvailable=2), False),
        (on_nodes(observedGeneration=0), False),
    ],
)
def test_when_other_workloads_are_rolled_out(workload: JsonObject, complete: bool) -> None:
    assert is_complete(workload) is complete


def test_an_init_container_that_is_done_is_no_crash_and_one_that_fails_is() -> None:
    spec = manifests().spec
    done, failed = (
        {"name": "init", "restartCount": 2, "state": {"terminated": {"exitCode": code}}}
        for code in (0, 1)
    )
    for container, count in ((done, 0), (failed, 1)):
        made = pod(spec)
        made["status"]["initContainerStatuses"] = [container]
        state = Judged((), (made,), ())
        assert len(problems(state, spec.id, Patience(0))) == count


def job(*conditions: str) -> JsonObject:
    return {"status": {"conditions": [{"type": kind, "status": "True"} for kind in conditions]}}


def test_how_a_hook_ended() -> None:
    """C9."""
    assert is_ended(job("SuccessCriteriaMet", "Complete"), "Complete")
    assert not is_ended(job("SuccessCriteriaMet"), "Complete")
    assert is_ended(job("FailureTarget", "Failed"), "Failed")
    first, second = (
        {
            "metadata": {"creationTimestamp": at},
            "status": {"containerStatuses": [{"state": {"terminated": {"exitCode": code}}}]},
        }
        for at, code in (("2026-01-01T00:00:01Z", 3), ("2026-01-01T00:00:02Z", 4))
    )
    assert exit_code([second, first]) == 4
    assert exit_code([]) is None


def test_only_images_that_the_manifests_name_may_run() -> None:
    """S1-28: by digest, in every container."""
    one = manifests()
    good = pod(one.spec)
    assert set(prove_images([good], one.images).values()) == {IMAGE.partition("@")[2]}
    other = pod(one.spec, imageID=f"elsewhere@sha256:{'b' * 64}")
    with pytest.raises(VerificationFailed, match="another image"):
        prove_images([other], one.images)
    good["spec"]["containers"][0]["image"] = "busybox:latest"
    with pytest.raises(VerificationFailed, match="another image"):
        prove_images([good], one.images)


def test_a_way_back_keeps_the_replicas_that_an_autoscaler_set() -> None:
    found = {"spec": {"replicas": 7}}
    assert kept_scale({"spec": {}}, found)["spec"]["replicas"] == 7
    assert kept_scale({"spec": {"replicas": 2}}, found)["spec"]["replicas"] == 2
    assert is_purged(deployment("web"))
    assert not is_purged({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress"})
    assert not is_purged({"apiVersion": "serving.knative.dev/v1", "kind": "Service"})


def test_whose_pods_hold_a_set_up() -> None:
    owners = [{"kind": "StatefulSet", "name": "store"}]
    made = {"metadata": {"ownerReferences": owners}}
    assert is_made_by(made, "StatefulSet", "store")
    assert not is_made_by(made, "DaemonSet", "store")
    assert not is_made_by({"metadata": {}}, "StatefulSet", "store")


@pytest.mark.parametrize(
    ("at", "pod_at", "count"),
    [("12:00:05", "", 1), ("12:00:01", "", 0), ("12:00:05", "12:00:06", 0)],
    ids=["now", "before our change", "overcome since"],
)
def test_a_set_that_gets_no_pod_says_why(at: str, pod_at: str, count: int) -> None:
    """C5: quota and admission are known by events alone, which stay when it is over."""
    workload = stateful(replicas=0)
    entry = {"manager": "slipway", "time": "2026-01-01T12:00:02Z"}
    workload["metadata"] |= {"name": "store", "managedFields": [entry]}
    event = {
        "reason": "FailedCreate",
        "lastTimestamp": f"2026-01-01T{at}Z",
        "message": "create Pod store-0 in StatefulSet store failed: exceeded quota: small",
        "involvedObject": {"kind": "StatefulSet", "name": "store"},
        "metadata": {},
    }
    owners = [{"kind": "StatefulSet", "name": "store"}]
    metadata = {"creationTimestamp": f"2026-01-01T{pod_at}Z", "ownerReferences": owners}
    pods = ({"metadata": metadata},) if pod_at else ()
    found = problems(Judged((workload,), pods, (event,)), "other", Patience(0))
    assert [problem.cause for problem in found] == [Cause.QUOTA] * count


def test_manifests_need_a_reader() -> None:
    """A platform that would generate other objects instead does neither."""
    one = manifests()
    with pytest.raises(BadInput, match="cannot be read"):
        manifests_of(one.spec, None)
    platform = KubernetesPlatform(lambda: pytest.fail("no client is needed"), "shop-live")
    with pytest.raises(BadInput, match="cannot be read"):
        platform.render(one.spec)
    assert manifests_of(release(), None) is None


def test_a_way_back_whose_manifests_are_gone_keeps_nobody_from_tidying(tmp_path: Any) -> None:
    """What serves must be known; of an older release only its hooks would be kept."""
    data = bundle("web")
    serving, gone = manifests(data).spec, manifests(packed(running_web("x"), service("web"))).spec
    bundles = Bundles(DirectoryStore(tmp_path))
    bundles.keep(serving, data)
    platform = KubernetesPlatform(
        lambda: pytest.fail("no client is needed"), "shop-live", bundles=bundles
    )
    assert platform.retire(serving.target, [serving, gone])
    with pytest.raises(WayBackMissing):
        platform.retire(serving.target, [gone, serving])


def test_the_steps_follow_the_waves(tmp_path: Any) -> None:
    """Hooks before what serves and after it, each wave waited for."""
    smoke = copy.deepcopy(JOB)
    smoke["metadata"] = {"name": "smoke", "annotations": {"slipway.dev/hook": "post-deploy"}}
    data = packed(deployment("web"), service("web"), running_web("late", 2), JOB, smoke)
    one = manifests(data)
    bundles = Bundles(DirectoryStore(tmp_path))
    bundles.keep(one.spec, data)
    platform = KubernetesPlatform(lambda: pytest.fail("no client is needed"), "shop-live")
    steps = platform.reading(bundles).forward(one.spec, None)
    assert [step.name for step in steps][3:] == [
        "supporting objects applied",
        "hook migrate finished",
        "services applied",
        "workloads applied",
        "rollout complete",
        "workloads applied in wave 2",
        "rollout complete in wave 2",
        "traffic switched",
        "hook smoke finished",
        "release verified",
    ]
