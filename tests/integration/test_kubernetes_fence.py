"""B3: a holder that was replaced changes nothing any more; the API server itself refuses it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import APPLY, ApiRefused, path_for
from blocks.platforms.kubernetes_api import Cluster as Api
from blocks.platforms.kubernetes_fence import Writer
from blocks.platforms.kubernetes_supporting import services
from blocks.platforms.kubernetes_workload import deployment
from slipway.errors import Busy, Superseded
from slipway.platform import Stage
from tests.rig import doomed
from tests.rig.doomed import Site, deploying
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_world import KubernetesWorld

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(600)]


@pytest.fixture
def world(cluster: Cluster, namespace: str) -> Iterator[KubernetesWorld]:
    return KubernetesWorld(cluster, namespace, cluster.push("one"))


@pytest.fixture
def api(world: KubernetesWorld) -> Iterator[Api]:
    made = Api(world.platform.access)
    yield made
    made.close()


def writer(world: KubernetesWorld, api: Api, token: int) -> Writer:
    return Writer(api, world.target, world.namespace, token)


def test_the_server_refuses_a_write_read_before_the_fence(world: KubernetesWorld, api: Api) -> None:
    """N11: its own answer, without any check of ours."""
    one, two = world.spec("one"), world.spec("two")
    world.deploy(one)
    wanted = deployment(two, two.services[0], "")
    read = api.get(path_for(wanted))["metadata"]
    guard = {key: read[key] for key in ("resourceVersion", "uid")}
    stale = {**wanted, "metadata": {**wanted["metadata"], **guard}}
    world.platform.fence(world.target, world.token + 1)
    with pytest.raises(ApiRefused, match="409"):
        api.call("PATCH", path_for(wanted), stale, APPLY, {"fieldManager": names.MANAGER})
    assert world.get() == "200 one"


def test_an_object_made_meanwhile_is_not_overwritten(world: KubernetesWorld, api: Api) -> None:
    """B3: a holder that saw nothing creates nothing where the newer one did."""
    spec = world.spec("one")
    (wanted,) = services(spec)
    stale = writer(world, api, 1)
    world.take(world.platform.forward(spec, None), until="config and secrets written")
    newer = writer(world, api, 2)
    newer.fence()
    newer.apply(wanted)
    with pytest.raises(ApiRefused, match="409"):
        stale._apply(path_for(wanted), wanted, None, take_over=False)
    with pytest.raises(Superseded):
        stale.apply(wanted)


def test_a_replaced_holder_can_take_no_step_that_acts(world: KubernetesWorld) -> None:
    """B3, B5: also one that begins only after it was replaced."""
    one, two = world.spec("one"), world.spec("two", secrets={"key": "v1"})
    world.deploy(one)
    world.platform.fence(world.target, world.token + 1)
    before = world.platform.observe(world.target)
    steps = [*world.platform.forward(two, one), *world.platform.retire(world.target, [])]
    for refused in steps:
        if refused.stage in (Stage.APPLY, Stage.SWITCH, Stage.RETIRE):
            if refused.name == "release accepted":
                continue
            with pytest.raises(Superseded):
                refused.run(world.context)
    with pytest.raises(Superseded):
        world.platform.fence(world.target, world.token)
    assert world.platform.observe(world.target) == before


def test_people_see_in_the_lease_who_deploys(world: KubernetesWorld) -> None:
    world.deploy(world.spec("one"))
    world.platform.fence(world.target, 41)
    lease = world.cluster.get("lease", names.lease_name(world.target), world.namespace)
    assert lease["spec"]["holderIdentity"] == "claim-41"
    found = world.cluster.get("deployment", "web", world.namespace)
    assert found["metadata"]["annotations"][names.CLAIM] == "41"


def test_looking_at_a_release_needs_no_claim_and_writes_nothing(world: KubernetesWorld) -> None:
    one = world.spec("one")
    world.deploy(one)
    before = world.cluster.get("deployment", "web", world.namespace)["metadata"]["resourceVersion"]
    looks = [s for s in world.platform.forward(one, None) if s.stage is Stage.VERIFY]
    world.holder(0).take(looks)
    after = world.cluster.get("deployment", "web", world.namespace)["metadata"]["resourceVersion"]
    assert before == after


# The engine


@pytest.fixture
def site(world: KubernetesWorld, tmp_path: Path) -> Site:
    """Release `base` serves and is verified."""
    made = Site(world, tmp_path)  # type: ignore[arg-type]
    made.deploy(world.spec("base", bake_millis=100))
    return made


def boundaries_of(site: Site, act: doomed.Act) -> list[str]:
    boundaries = site.boundaries()
    site.start(act, boundaries).join(doomed.LONGEST_SECONDS)
    return boundaries.read()


def assert_settled(site: Site, allowed: set[str], boundary: str) -> None:
    """A good release serves, nothing is held, and another recovery does nothing."""
    assert site.is_settled, boundary
    assert site.serving in allowed, boundary
    found = site.world.platform.observe(site.world.target)
    assert found.serving == site.serving, boundary
    assert site.world.get().startswith("200 "), boundary
    assert site.recover() is None


def test_a_broken_release_leaves_the_one_before_serving(site: Site) -> None:
    """S1-33, C1: restored with its config and secret versions, and explained."""
    world, old = site.world, site.serving
    with pytest.raises(doomed.SlipwayError) as caught:
        site.deploy(world.spec("bad", "crash", secrets={"key": "v2"}))
    assert "exit code 3" in str(caught.value)
    assert_settled(site, {str(old)}, "restored")
    assert world.get() == "200 base"


def test_the_same_release_again_does_nothing(site: Site) -> None:
    """E7."""
    spec = site.world.spec("base", bake_millis=100)
    before = site.world.cluster.get("deployment", "web", site.world.namespace)  # type: ignore[attr-defined]
    result = asyncio.run(site.engine().deploy(doomed.order(spec)))
    after = site.world.cluster.get("deployment", "web", site.world.namespace)  # type: ignore[attr-defined]
    assert str(result.outcome) == "unchanged"
    assert before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]


def test_a_rollback_returns_to_the_release_before(site: Site) -> None:
    """S1-34, D4."""
    site.deploy(site.world.spec("newer", bake_millis=100))
    asyncio.run(doomed.roll_back(site.engine()))  # type: ignore[arg-type]
    assert site.world.get() == "200 base"


def test_a_first_release_that_fails_leaves_nothing(world: KubernetesWorld, tmp_path: Path) -> None:
    """D6."""
    site = Site(world, tmp_path)  # type: ignore[arg-type]
    with pytest.raises(doomed.SlipwayError):
        site.deploy(world.spec("bad", "crash"))
    assert world.objects("deployments,services") == []
    assert site.is_settled


def test_a_deploy_killed_after_any_act_leaves_old_or_new_serving(site: Site) -> None:
    """A1, A2: after each act and before its record, by SIGKILL, then one recovery."""
    world = site.world
    names_of = boundaries_of(site, deploying(world.spec("count", bake_millis=100)))
    acts = [at for at, name in enumerate(names_of) if name.endswith((": acted", "m: recorded"))]
    assert len(acts) > 8
    for at in acts:
        spec, old = world.spec(f"v{at}", bake_millis=100), site.serving
        boundary = site.run_until(deploying(spec), at)
        assert world.get().startswith("200 "), boundary
        site.outlive_lease()
        site.recover()
        assert_settled(site, {str(old), spec.id}, boundary)


def test_a_rollback_killed_where_it_acts_goes_on_to_its_target(site: Site) -> None:
    """A11: the bad release never serves again."""
    world = site.world
    for step in ("workloads applied", "rollout complete", "release verified"):
        good = str(site.serving)
        site.deploy(world.spec(f"bad-{step[:4]}", bake_millis=100))
        boundary = site.run_until(doomed.roll_back, f"{step}: acted")
        site.outlive_lease()
        site.recover()
        assert_settled(site, {good}, boundary)


def test_a_living_holder_is_not_replaced(site: Site) -> None:
    """B1, B2: one holder at a time; after its lease anybody takes over."""
    world, old = site.world, str(site.serving)
    spec = world.spec("slow", "never-ready", deadline=60)
    boundaries = site.boundaries()
    process = site.start(deploying(spec), boundaries)
    try:
        while "workloads applied: recorded" not in boundaries.read():
            process.join(0.1)
        with pytest.raises(Busy):
            asyncio.run(site.engine().deploy(doomed.order(world.spec("other"))))
    finally:
        process.kill()
        process.join()
    site.outlive_lease()
    site.recover()
    assert_settled(site, {old}, "killed")
