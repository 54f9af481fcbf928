"""Releases of an app's own manifests on a real cluster, through the engine."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_hooks import HookFailed
from blocks.platforms.kubernetes_owners import FieldConflict
from slipway.canonical import JsonObject
from slipway.directory_store import DirectoryStore
from slipway.errors import BadInput, ReleaseFailed, Superseded
from slipway.platform import Stage
from slipway.release import ReleaseSpec
from tests.rig import doomed
from tests.rig.doomed import Site
from tests.rig.kubernetes_manifests import ManifestWorld, config, front, hook, workload
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_world import service

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(600)]
MIGRATE = "print('table vouchers: 3 columns')"


@pytest.fixture
def world(cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[ManifestWorld]:
    store = DirectoryStore(tmp_path / "ledger")
    return ManifestWorld(cluster, namespace, cluster.push("one"), store=store)


@pytest.fixture
def site(world: ManifestWorld, tmp_path: Path) -> Site:
    return Site(world, tmp_path)  # type: ignore[arg-type]


def web(world: ManifestWorld, version: str, *more: JsonObject, mode: str = "ok") -> ReleaseSpec:
    """A Deployment and its Service, with what else the manifests hold."""
    spec = world.spec(version, mode, bake_millis=100)
    return world.with_manifests(spec, workload("web"), front(), *more)


def pair(world: ManifestWorld, version: str, mode: str = "ok", **config: str) -> ReleaseSpec:
    """A front Deployment, and in a later wave a StatefulSet."""
    images = [
        service("web", world.image, version),
        service("store", world.image, version, mode, **config),
    ]
    spec = world.spec(services=images, bake_millis=100, deadline=40)
    stored = workload("store", "StatefulSet", wave=1, serviceName="store", replicas=2)
    return world.with_manifests(spec, workload("web"), front(), front("store"), stored)


def names_in(world: ManifestWorld, kind: str) -> list[str]:
    found = world.objects(kind)
    return [m["metadata"]["name"] for m in found if names.APP in m["metadata"].get("labels", {})]


def test_a_release_of_manifests_shows_exactly_the_fields_that_were_planned(
    world: ManifestWorld,
) -> None:
    """E7, N12, S1-29: server-side apply, hooks before and after, and no difference afterwards."""
    smoke = hook("print('asked')", "post-deploy", name="smoke")
    spec = web(world, "one", config("texts", greeting="hello"), hook(MIGRATE), smoke)
    seen = world.deploy(spec)
    order = list(seen)
    assert order.index("supporting objects applied") < order.index("hook migrate finished")
    assert order.index("hook migrate finished") < order.index("workloads applied")
    assert order.index("rollout complete") < order.index("hook smoke finished")
    assert seen["hook migrate finished"]["exit code"] == 0
    assert "table vouchers: 3 columns" in seen["hook migrate finished"]["said"]
    found = world.platform.observe(world.target)
    assert dict(found.fields) == world.platform.render(spec)
    assert found.serving == spec.id
    assert world.get() == "200 one"
    assert any("runs as recorded" in fact for fact in world.platform.prove(spec))


def test_every_step_of_manifests_taken_twice_acts_once(world: ManifestWorld) -> None:
    """A2: the second run finds the effect of the first, a finished hook too."""
    spec = web(world, "one", config("texts", greeting="hello"), hook(MIGRATE))
    for step in world.platform.forward(spec, None):
        step.run(world.context)
        again = step.run(world.context)
        if step.stage in (Stage.APPLY, Stage.SWITCH):
            assert not any(again.get(key) for key in ("made", "account", "written", "applied"))
            assert not again.get("ran"), step.name
    assert len(world.objects("jobs")) == 1


def test_a_change_is_released_and_what_it_leaves_out_is_pruned(
    site: Site, world: ManifestWorld
) -> None:
    """S1-29: by who manages it; what an operator labelled with the app alone stays."""
    labels = {names.APP: "shop", names.ENVIRONMENT: "dev"}
    foreign = config("of-an-operator", key="value")
    foreign["metadata"]["labels"] = labels
    world.cluster.apply(foreign, namespace=world.namespace)
    site.deploy(web(world, "one", config("texts", greeting="hello"), hook(MIGRATE)))
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}}
    claim["spec"] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Mi"}},
    }
    site.deploy(web(world, "two", config("others", greeting="bye"), claim))
    assert world.get() == "200 two"
    assert "texts" not in names_in(world, "configmaps")
    assert {"others", "of-an-operator"} <= set(names_in(world, "configmaps"))
    assert len(names_in(world, "jobs")) == 1, "the hook of the way back stays"
    site.deploy(web(world, "three"))
    assert names_in(world, "jobs") == []
    assert names_in(world, "persistentvolumeclaims") == ["data"], "data is nobody's to prune"
    assert "of-an-operator" in names_in(world, "configmaps")


def test_a_rollback_brings_back_the_manifests_out_of_the_evidence(
    site: Site, world: ManifestWorld
) -> None:
    """D5, N12: objects that the later release pruned come back; a finished hook stays done."""
    one = web(world, "one", config("texts", greeting="hello"), hook(MIGRATE))
    site.deploy(one)
    before = world.objects("jobs")[0]["metadata"]["uid"]
    site.deploy(web(world, "two"))
    asyncio.run(doomed.roll_back(site.engine()))  # type: ignore[arg-type]
    assert world.get() == "200 one"
    assert "texts" in names_in(world, "configmaps")
    assert [job["metadata"]["uid"] for job in world.objects("jobs")] == [before]
    assert dict(world.platform.observe(world.target).fields) == world.platform.render(one)


def test_a_migration_that_fails_leaves_what_serves_untouched(
    site: Site, world: ManifestWorld
) -> None:
    """C9: its exit code and its last lines are told."""
    site.deploy(web(world, "one"))
    before = world.cluster.get("deployment", "web", world.namespace)["spec"]
    script = "print('column exists'); raise SystemExit(3)"
    with pytest.raises(ReleaseFailed, match=r"hook migrate-.* failed with exit code 3") as caught:
        site.deploy(web(world, "two", hook(script)))
    assert "column exists" in caught.value.evidence
    assert world.get() == "200 one"
    assert world.cluster.get("deployment", "web", world.namespace)["spec"] == before
    assert names_in(world, "jobs") == []
    assert site.is_settled


def test_a_migration_that_hangs_ends_at_its_deadline(site: Site, world: ManifestWorld) -> None:
    """C9: with its pods; the deadline and the last lines are told."""
    site.deploy(web(world, "one"))
    script = "import time; print('waiting for a lock'); time.sleep(600)"
    with pytest.raises(ReleaseFailed, match="did not end within 8 s") as caught:
        site.deploy(web(world, "two", hook(script, seconds=8)))
    assert "waiting for a lock" in caught.value.evidence
    assert world.get() == "200 one"
    assert names_in(world, "jobs") == []


def test_a_failed_hook_runs_again_in_the_next_try_alone(world: ManifestWorld) -> None:
    """C9, A2: resumed under the same claim it has failed already."""
    spec = web(world, "one", hook("raise SystemExit(4)"))
    seen = []
    for holder in (world, world, world.holder(2)):
        with pytest.raises(HookFailed, match="exit code 4"):
            holder.deploy(spec)
        seen.append(world.objects("jobs")[0]["metadata"]["uid"])
    assert seen[0] == seen[1] != seen[2]
    assert world.objects("deployments") == []


def test_a_wave_that_breaks_is_restored_with_the_waves_before_it(
    site: Site, world: ManifestWorld
) -> None:
    """C1, S1-33: a StatefulSet that waits for its broken pod is freed by the way back."""
    one = pair(world, "one")
    site.deploy(one)
    found = world.platform.observe(world.target)
    assert dict(found.fields) == world.platform.render(one)
    with pytest.raises(ReleaseFailed, match="exit code 3"):
        site.deploy(pair(world, "two", "crash"))
    assert world.get() == "200 one"
    assert dict(world.platform.observe(world.target).fields) == world.platform.render(one)
    assert site.is_settled


def test_a_release_killed_amid_its_migration_or_a_wave_is_settled(
    site: Site, world: ManifestWorld
) -> None:
    """A1, A2: by SIGKILL between an act and its record; what is half applied is taken back."""
    base = web(world, "base")
    site.deploy(base)
    for at in ("hook migrate finished", "services applied", "rollout complete"):
        new = web(world, at.replace(" ", "-"), config("texts", at=at), hook(MIGRATE))
        site.run_until(doomed.deploying(new), f"{at}: acted")
        site.outlive_lease()
        site.recover()
        assert site.is_settled, at
        assert site.serving == base.id, at
        assert world.get() == "200 base", at
        assert names_in(world, "jobs") == [], at
        assert "texts" not in names_in(world, "configmaps"), at


def test_what_somebody_changed_in_manifests_is_told_with_who(world: ManifestWorld) -> None:
    """B8, N17: a variable that was added, a value that was changed; a way back takes both."""
    one = web(world, "one", config("texts", greeting="hello"))
    world.deploy(one)
    world.kubectl("set", "env", "deployment/web", "DEBUG=1")
    with pytest.raises(FieldConflict, match=r"Deployment/web\.spec\.template.*env.*added"):
        world.platform.prove(one)
    patch = json.dumps({"data": {"greeting": "by hand"}})
    world.kubectl("patch", "configmap", "texts", "--patch", patch)
    with pytest.raises(FieldConflict, match="greeting"):
        world.platform.prove(one)
    world.deploy(one)
    assert dict(world.platform.observe(world.target).fields) == world.platform.render(one)


def test_a_newer_holder_shuts_out_writes_to_every_kind(world: ManifestWorld) -> None:
    """B3: also to kinds that only manifests bring."""
    stored = pair(world, "one")
    world.deploy(stored)
    touched = world.platform.fence(world.target, world.token + 1)["touched"]
    assert "StatefulSet/store" in touched
    for step in world.platform.forward(pair(world, "two"), stored):
        if step.name.startswith(("workloads applied", "supporting", "services")):
            with pytest.raises(Superseded):
                step.run(world.context)


def definition(scope: str) -> JsonObject:
    """A kind of its own, named by its scope."""
    name = "Plan" if scope == "Namespaced" else "Region"
    plural = f"{name.lower()}s"
    properties = {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    schema = {"openAPIV3Schema": {"type": "object", "properties": properties}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.tests.example.org"},
        "spec": {
            "group": "tests.example.org",
            "scope": scope,
            "names": {"kind": name, "plural": plural},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


@pytest.fixture
def kinds(world: ManifestWorld) -> Iterator[None]:
    made = [definition("Namespaced"), definition("Cluster")]
    world.cluster.apply(*made)
    every = [f"crd/{one['metadata']['name']}" for one in made]
    world.cluster.kubectl("wait", "--for=condition=Established", *every)
    until = time.monotonic() + 20
    while "Region" not in world.cluster.kubectl("get", "--raw", "/apis/tests.example.org/v1"):
        assert time.monotonic() < until
        time.sleep(0.2)
    yield
    world.cluster.kubectl("delete", *every)


def custom(kind: str, name: str) -> JsonObject:
    spec = {"size": 3, "names": ["a", "b"]}
    version = "tests.example.org/v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


@pytest.mark.usefixtures("kinds")
def test_custom_kinds_are_applied_and_pruned_where_they_are_of_a_namespace(
    world: ManifestWorld,
) -> None:
    """S2-14: the cluster is asked; one of the whole cluster is refused before anything changes."""
    with pytest.raises(BadInput, match="Region eu: a kind of the whole cluster"):
        world.deploy(web(world, "bad", custom("Region", "eu")))
    with pytest.raises(BadInput, match="does not know"):
        world.deploy(web(world, "bad", custom("Unheard", "of")))
    assert world.objects("deployments") == []
    one = web(world, "one", custom("Plan", "gold"))
    world.deploy(one)
    assert dict(world.platform.observe(world.target).fields) == world.platform.render(one)
    two = web(world, "two")
    world.deploy(two, one)
    removed = world.retire(two, one)["old releases removed"]["removed"]
    assert removed == ["Plan/gold"]


def test_generated_objects_and_manifests_follow_each_other(
    site: Site, world: ManifestWorld
) -> None:
    """N12: what the other way made is pruned, and a rollback goes over to it again."""
    site.deploy(world.spec("plain", bake_millis=100).model_copy())
    other = world.with_manifests(
        world.spec("own", bake_millis=100),
        {**workload("web-own"), "spec": {**workload("web")["spec"]}},
        front(),
    )
    site.deploy(other)
    assert world.get() == "200 own"
    assert names_in(world, "deployments") == ["web-own"]
    asyncio.run(doomed.roll_back(site.engine()))  # type: ignore[arg-type]
    assert world.get() == "200 plain"
    assert names_in(world, "deployments") == ["web"]
