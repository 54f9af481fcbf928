"""Charts on a real cluster, through the engine, by both versions of Helm."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.platforms.kubernetes_owners import FieldConflict
from slipway import charts
from slipway.errors import BadInput, ReleaseFailed, StepFailed, Superseded
from slipway.platform import Stage
from tests.rig import doomed
from tests.rig.docker_world import SECRET
from tests.rig.doomed import Site, deploying
from tests.rig.kubernetes_helm_world import SERVICE, SLOW_HOOK, VALUES, HelmWorld, chart_files
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_tools import tool
from tests.rig.kubernetes_world import PORT

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(300)]


@pytest.fixture(params=["helm3", "helm4"])
def world(
    request: pytest.FixtureRequest, cluster: Cluster, namespace: str, tmp_path: Path
) -> Iterator[HelmWorld]:
    helm = tool(request.param)
    return HelmWorld(cluster, namespace, cluster.push("one"), helm=helm, folder=tmp_path)


@pytest.fixture
def site(world: HelmWorld, tmp_path: Path) -> Site:
    """Release `base` serves and is verified."""
    made = Site(world, tmp_path)  # type: ignore[arg-type]
    made.deploy(world.spec("base", bake_millis=100))
    return made


def world_of(site: Site) -> HelmWorld:
    assert isinstance(site.world, HelmWorld)
    return site.world


def test_a_chart_is_released_upgraded_and_rolled_back(site: Site) -> None:
    """S1-24, S1-27, S1-34, S3-19, N12, E7: image, config and secrets; `helm history` tells it."""
    world = world_of(site)
    one = world.spec("base", bake_millis=100)
    two = world.spec("two", image=world.cluster.push("two"), secrets={"voucher-key": "version-2"})
    assert dict(world.platform.observe(world.target).fields) == world.platform.render(one)
    again = asyncio.run(site.engine().deploy(doomed.order(one)))
    assert str(again.outcome) == "unchanged"
    site.deploy(two)
    found = world.platform.observe(world.target)
    assert (dict(found.fields), found.serving) == (world.platform.render(two), two.id)
    assert world.get() == "200 two"
    assert world.get("/secret/voucher-key") == f"200 {len(SECRET) + len('-voucher-key-version-2')}"
    asyncio.run(doomed.roll_back(site.engine()))  # type: ignore[arg-type]
    assert world.get() == "200 base"
    assert world.get("/secret/voucher-key") == f"200 {len(SECRET) + len('-voucher-key-v1')}"
    assert world.platform.observe(world.target).serving == one.id
    told = [(entry["status"], entry["description"].split()[2]) for entry in world.history()]
    assert told == [("superseded", one.id), ("superseded", two.id), ("deployed", one.id)]


def test_people_roll_back_and_are_seen(site: Site) -> None:
    """S3-19: `helm rollback` works on our revisions, and the next release starts from there."""
    world = world_of(site)
    two = world.spec("two", bake_millis=100)
    site.deploy(two)
    world.people("rollback", "shop", "1", "--wait")
    assert world.get_once("200 base") == "200 base"
    found = world.platform.observe(world.target)
    assert found.serving == world.spec("base", bake_millis=100).id
    site.deploy(world.spec("three", bake_millis=100))
    assert world.get() == "200 three"
    asyncio.run(doomed.roll_back(site.engine()))  # type: ignore[arg-type]
    assert world.platform.observe(world.target).serving == two.id


@pytest.mark.parametrize("mode", ["crash", "never-ready"])
def test_a_broken_chart_release_is_restored(site: Site, mode: str) -> None:
    """S1-33, C1, C3, S2-34: told by its cause, with evidence; the release before serves."""
    world, old = world_of(site), site.serving
    with pytest.raises(ReleaseFailed) as caught:
        site.deploy(world.spec("bad", mode, deadline=10))
    told = {"crash": "exit code 3", "never-ready": "not ready"}
    assert told[mode] in str(caught.value)
    assert site.serving == old == world.platform.observe(world.target).serving
    assert world.get() == "200 base"
    assert world.statuses()[-1] == "deployed"
    assert site.recover() is None


def test_values_that_do_not_fit_the_schema_are_bad_input(site: Site) -> None:
    """H6: told by Helm's own words; nothing was installed."""
    world = world_of(site)
    wrong = {**VALUES, "replicas": "many"}
    step = world.platform.forward(world.spec("x", values=wrong), None)[1]
    with pytest.raises(BadInput, match=r"values\.schema\.json.*replicas"):
        step.run(world.context)
    assert len(world.history()) == 1


def test_a_chart_that_runs_something_else_is_refused(site: Site) -> None:
    """A digest of its own instead of the approved one, and a port where no Service listens."""
    world = world_of(site)
    image = {**VALUES["image"], "digest": f"sha256:{'f' * 64}"}
    step = world.platform.forward(world.spec("x", values={**VALUES, "image": image}), None)[1]
    with pytest.raises(BadInput, match="no workload runs this image"):
        step.run(world.context)
    other = {**VALUES, "service": {"port": 81}}
    step = world.platform.forward(world.spec("x", values=other), None)[1]
    with pytest.raises(BadInput, match="no Service in front"):
        step.run(world.context)
    assert len(world.history()) == 1


def test_an_upgrade_killed_while_pending_is_repaired(site: Site) -> None:
    """A1, A3, B2: Helm dies with its holder; recovery marks its revision and goes back."""
    world, old = world_of(site), site.serving
    slow = charts.pack("chart", {**chart_files(), "templates/slow.yaml": SLOW_HOOK})
    spec = world.spec("slow", chart=slow, deadline=60)
    process = site.start(deploying(spec), site.boundaries())
    try:
        until = time.monotonic() + 60
        while world.statuses()[-1] != "pending-upgrade":
            assert process.is_alive()
            assert time.monotonic() < until
            time.sleep(0.2)
    finally:
        process.kill()
        process.join()
    site.outlive_lease()
    assert world.statuses()[-1] == "pending-upgrade"
    site.recover()
    assert site.serving == old == world.platform.observe(world.target).serving
    assert world.get() == "200 base"
    assert world.statuses() == ["superseded", "failed", "deployed"]
    newer = world.spec("newer", bake_millis=100)
    site.deploy(newer)
    assert world.get() == "200 newer"


def acts_of(site: Site, act: doomed.Act) -> list[str]:
    """Each boundary after an act and before its record, by the engine's own list of steps."""
    boundaries = site.boundaries()
    site.start(act, boundaries).join(doomed.LONGEST_SECONDS)
    return [name for name in boundaries.read() if name.endswith(": acted")]


@pytest.mark.timeout(600)
def test_killed_after_any_act_old_or_new_serves(site: Site) -> None:
    """A1, A2: after the act and before its record, by SIGKILL, then one recovery.

    By the newer Helm at each boundary, by the older one where a revision is under way.
    """
    world = world_of(site)
    acts = acts_of(site, deploying(world.spec("count", bake_millis=100)))
    assert len(acts) > 8
    if "helm3" in str(world.helm):
        acts = ["chart installed: acted", "release verified: acted"]
    for at in acts:
        spec, old = world.spec(f"v-{at[:12]}", bake_millis=100), site.serving
        site.run_until(deploying(spec), at)
        assert world.get().startswith("200 "), at
        site.outlive_lease()
        site.recover()
        assert site.is_settled, at
        assert site.serving in (old, spec.id), at
        assert world.platform.observe(world.target).serving == site.serving, at
        assert (world.statuses()[-1], world.statuses().count("deployed")) == ("deployed", 1), at
        assert site.recover() is None


def test_a_rollback_killed_where_helm_acts_goes_on_to_its_target(site: Site) -> None:
    """A11: the bad release never serves again."""
    world, good = world_of(site), site.serving
    site.deploy(world.spec("bad", bake_millis=100))
    site.run_until(doomed.roll_back, "chart installed: acted")
    site.outlive_lease()
    site.recover()
    assert (site.is_settled, site.serving) == (True, good)
    assert world.platform.observe(world.target).serving == good
    assert world.get() == "200 base"


def test_what_people_changed_is_told_and_a_way_back_takes_it(site: Site) -> None:
    """B8: refused with field and manager before a release; a rollback restores it."""
    world = world_of(site)
    base, two = world.spec("base", bake_millis=100), world.spec("two", bake_millis=100)
    site.deploy(two)
    world.kubectl("scale", f"deployment/{SERVICE}", "--replicas=2")
    found = world.platform.observe(world.target)
    assert found.fields[f"Deployment/{SERVICE}.replicas"] == "2"
    world.kubectl("set", "image", f"deployment/{SERVICE}", "web=example.com/x:1")
    with pytest.raises((FieldConflict, StepFailed), match="changed by somebody else"):
        world.platform.prove(two)
    asyncio.run(doomed.roll_back(site.engine()))  # type: ignore[arg-type]
    assert dict(world.platform.observe(world.target).fields) == world.platform.render(base)
    assert world.get() == "200 base"


def test_what_is_there_already_is_taken_over(world: HelmWorld) -> None:
    """S3-19: objects that somebody made by kubectl become the chart's, without a new address."""
    port = {"name": "http", "port": PORT, "targetPort": 9}
    selector = {"app.kubernetes.io/name": "other", "app.kubernetes.io/instance": "shop"}
    made = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE},
        "spec": {"ports": [port], "selector": selector},
    }
    world.cluster.apply(made, namespace=world.namespace)
    address = world.address
    world.deploy(world.spec("one"), None)
    assert (world.address, world.get()) == (address, "200 one")
    assert any("taken over by the chart" in note for note in world.notes)
    found = world.cluster.get("service", SERVICE, world.namespace)
    assert found["metadata"]["annotations"]["meta.helm.sh/release-name"] == "shop"


def test_a_replaced_holder_runs_no_helm(site: Site) -> None:
    """B3, B5: each act looks at the lease first."""
    world = world_of(site)
    two = world.spec("two")
    world.platform.fence(world.target, 900)
    before = world.platform.observe(world.target)
    steps = [*world.platform.forward(two, None), *world.platform.retire(world.target, [])]
    for stale in steps:
        looks = ("release accepted", "traffic ended")  # neither finds anything to write
        if stale.stage in (Stage.APPLY, Stage.RETIRE) and stale.name not in looks:
            with pytest.raises(Superseded):
                stale.run(world.context)
    assert world.platform.observe(world.target) == before
    assert len(world.history()) == 1


def test_a_first_chart_release_that_fails_leaves_nothing(world: HelmWorld, tmp_path: Path) -> None:
    """D6: uninstalled by Helm, with its history."""
    site = Site(world, tmp_path)  # type: ignore[arg-type]
    with pytest.raises(ReleaseFailed):
        site.deploy(world.spec("bad", "crash"))
    assert world.objects("deployments,services") == []
    assert world.kubectl("get", "secrets", "--selector=owner=helm", "--output=name") == ""
    assert site.is_settled
