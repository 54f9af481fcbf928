"""What breaks on a real cluster and what is told of it, as tests/cases/kubernetes_failures.yaml."""

import asyncio
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes import KubernetesPlatform
from blocks.platforms.kubernetes_access import by_settings
from blocks.platforms.kubernetes_rights import VERBS
from slipway import charts
from slipway.directory_store import DirectoryStore
from slipway.errors import Cause, Refused, SlipwayError
from slipway.explanations import Explanation
from slipway.ledger import Kind
from slipway.release import ReleaseSpec, Resources
from tests.rig import doomed
from tests.rig.docker_world import MIB
from tests.rig.doomed import Site, roll_back
from tests.rig.kubernetes_helm_world import SLOW_HOOK, HelmWorld, chart_files
from tests.rig.kubernetes_manifests import ManifestWorld, front, hook, workload
from tests.rig.kubernetes_rig import Cluster, remove_quietly
from tests.rig.kubernetes_tools import tool
from tests.rig.kubernetes_world import KubernetesWorld, service

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(240)]
CASES = yaml.safe_load(Path("tests/cases/kubernetes_failures.yaml").read_text())
DEADLINE = 60  # no cause below is told by the clock
LIMITS = {
    "apiVersion": "v1",
    "kind": "LimitRange",
    "metadata": {"name": "small"},
    "spec": {"limits": [{"type": "Container", "max": {"memory": "100Mi"}}]},
}


@dataclass
class Breakable(ManifestWorld):
    """A target whose deployer may lack a permission.

    Attributes:
        kubeconfig: of another account than the cluster's administrator.
    """

    kubeconfig: Path | None = None

    @property
    def platform(self) -> KubernetesPlatform:
        whole = super().platform
        if self.kubeconfig is None:
            return whole
        access = by_settings(self.kubeconfig, None)
        return KubernetesPlatform(access, self.namespace, bundles=whole.bundles)


def obey(world: KubernetesWorld, commands: list[str], spec: ReleaseSpec) -> None:
    """What somebody does by kubectl."""
    for command in commands:
        world.kubectl(*shlex.split(filled(command, spec)))


def filled(text: str, spec: ReleaseSpec) -> str:
    """With the names of the release's objects. Pure."""
    return text.format(
        config=names.config_name(spec.services[0]),
        secrets=names.secrets_name(spec),
        namespace=names.namespace_of(spec),
    )


@pytest.fixture(scope="module")
def sites(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    """Release `base` serves, in each way that an app is described, for all failures."""
    made: dict[str, Site] = {}
    spaces = {app: cluster.new_namespace() for app in ("generated", "manifests", "chart")}
    try:
        for app, namespace in spaces.items():
            folder = tmp_path_factory.mktemp(app)
            world = world_of(app, cluster, namespace, folder)
            cluster.apply(LIMITS, namespace=namespace)
            made[app] = Site(world, folder)  # type: ignore[arg-type]
            made[app].deploy(release(world, app, {}, "base"))
        yield made
    finally:
        for namespace in spaces.values():
            remove_quietly(cluster, namespace)


def world_of(app: str, cluster: Cluster, namespace: str, folder: Path) -> KubernetesWorld:
    image = cluster.push("one")
    if app == "chart":
        return HelmWorld(cluster, namespace, image, helm=tool("helm4"), folder=folder)
    return Breakable(cluster, namespace, image, store=DirectoryStore(folder / "ledger"))


def release(world: KubernetesWorld, app: str, given: dict[str, Any], version: str) -> ReleaseSpec:
    """The test app as a case describes it; `image: gone` names a digest that nobody has."""
    more = {"deadline": DEADLINE, "bake_millis": 100, **given}
    script, limits = more.pop("hook", None), more.pop("memory_bytes", 64 * MIB)
    image = world.image
    if more.pop("image", None):
        image = f"{image.partition('@')[0]}@sha256:{'0' * 64}"
    resources = Resources(memory_bytes=limits, cpu_millis=more.pop("cpu_millis", 150), pids=64)
    mode = more.pop("mode", "ok")
    if isinstance(world, HelmWorld):
        return world.spec(version, mode, image=image, chart=with_hook(world, script), **more)
    assert isinstance(world, Breakable)
    web = service("web", image, version, mode)
    spec = world.spec(services=[web.model_copy(update={"resources": resources})], **more)
    if app == "generated":
        return spec
    hooks = [hook(script, seconds=4)] if script else []
    return world.with_manifests(spec, workload("web"), front(), *hooks)


def with_hook(world: HelmWorld, script: str | None) -> bytes:
    """The chart, whose upgrades begin with that program where there is one."""
    if script is None:
        return world.packed
    hooked = SLOW_HOOK.replace(b"import time; time.sleep(30)", script.encode())
    return charts.pack("chart", {**chart_files(), "templates/migrate.yaml": hooked})


def fail(site: Site, case: dict[str, Any], spec: ReleaseSpec) -> Explanation:
    """Carry the release out, break it as the case says, and see what is told of it."""
    world, before = site.world, len(site.records())
    assert isinstance(world, KubernetesWorld)
    served: list[str] = []
    reached: dict[str, float] = {}
    left = {str(case["at"]): case["do"]} if "at" in case else {}

    def boundary(name: str, point: str) -> None:
        reached.setdefault(f"{name}: {point}", time.monotonic())
        obey(world, left.pop(f"{name}: {point}", []), spec)
        if f"{name}: {point}" == "failed: intended":
            served.append(world.get())

    with pytest.raises(SlipwayError):
        asyncio.run(site.engine(boundary).deploy(doomed.order(spec)))
    assert left == {}
    assert served in ([], ["200 base"]) or case["stage"] == "verify", "while it failed"
    if case["stage"] == "settle":
        took = reached["failed: intended"] - reached["rollout complete: intended"]
        assert took < DEADLINE / 2, "told by the clock"
    closed = site.records()[-1]
    assert (closed.kind, len(site.records()) > before) == (Kind.CLOSED, True)
    assert closed.body["serving"] == site.serving
    return Explanation.model_validate(closed.body["explanation"])


def lacking(world: Breakable, resource: str, folder: Path) -> Path:
    """A kubeconfig whose account may do all that a release needs, but may not change these."""
    rules = [
        {
            "apiGroups": [group],
            "resources": [found],
            "verbs": ["get", "list"] if found == resource else list(verbs),
        }
        for (group, found), verbs in VERBS.items()
    ]
    return world.cluster.limited_kubeconfig(world.namespace, rules, folder)


@pytest.mark.parametrize("case", CASES, ids=[case["failure"] for case in CASES])
def test_a_failure_is_told_by_its_cause(
    sites: dict[str, Site], case: dict[str, Any], tmp_path: Path
) -> None:
    """C1, C2, C3, C5, C6, C9, H6, N24, DC-11: stage, class, evidence, next; the old serves on."""
    app = case.get("app", "generated")
    site = sites[app]
    world = site.world
    assert isinstance(world, KubernetesWorld)
    spec, old = release(world, app, case["release"], case["failure"]), site.serving
    obey(world, case.get("before", []), spec)
    try:
        if isinstance(world, Breakable) and "lacks" in case:
            world.kubeconfig = lacking(world, case["lacks"], tmp_path)
        told = fail(site, case, spec)
    finally:
        if isinstance(world, Breakable):
            world.kubeconfig = None
        obey(world, case.get("after", []), spec)
    assert (told.stage, str(told.cause)) == (case["stage"], case["cause"]), told.summary
    assert filled(case["says"], spec) in told.summary
    assert case["evidence"] in "\n".join(told.evidence)
    assert told.next_command == filled(case["next"], spec)
    assert world.get() == "200 base"
    assert site.serving == old == world.platform.observe(world.target).serving


def test_a_rollback_that_lacks_a_permission_changes_nothing_and_leaves_no_claim(
    sites: dict[str, Site], tmp_path: Path
) -> None:
    """H6, D1: refused at the fence or by the review; once granted, it goes back."""
    site = sites["generated"]
    world = site.world
    assert isinstance(world, Breakable)
    site.deploy(release(world, "generated", {}, "newer"))
    newer, found = site.serving, dict(world.platform.observe(world.target).fields)
    for resource in ("services", "ingresses"):
        world.kubeconfig = lacking(world, resource, tmp_path)
        try:
            with pytest.raises(Refused, match=resource) as caught:
                asyncio.run(roll_back(site.engine()))  # type: ignore[arg-type]
        finally:
            world.kubeconfig = None
        assert caught.value.cause is Cause.PERMISSION
        assert (site.is_settled, site.serving) == (True, newer)
        assert dict(world.platform.observe(world.target).fields) == found
        assert site.recover() is None
    asyncio.run(roll_back(site.engine()))  # type: ignore[arg-type]
    assert world.get() == "200 base"


def test_twelve_failures_have_twelve_causes() -> None:
    """N24: no class is told for everything."""
    assert len({case["cause"] for case in CASES}) >= 12
