"""The steps of a chart's release, each named by what it leaves true."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from blocks.platforms import kubernetes_names as names
from blocks.platforms import kubernetes_prove, kubernetes_rights
from blocks.platforms.kubernetes_addresses import reachable
from blocks.platforms.kubernetes_analysis import analyse
from blocks.platforms.kubernetes_api import Cluster
from blocks.platforms.kubernetes_fence import Writer
from blocks.platforms.kubernetes_helm import Helm
from blocks.platforms.kubernetes_helm_argv import Act, release_name
from blocks.platforms.kubernetes_helm_hooks import upgraded
from blocks.platforms.kubernetes_helm_live import adopted, changes, judge
from blocks.platforms.kubernetes_helm_objects import Installed, installed
from blocks.platforms.kubernetes_helm_place import ChartPlace
from blocks.platforms.kubernetes_helm_store import (
    DEPLOYED,
    Revision,
    identity,
    is_ours,
    refuse_overtaken,
    repair,
    revisions,
)
from blocks.platforms.kubernetes_helm_verify import await_routes, bake, installed_of
from blocks.platforms.kubernetes_quota import room_facts
from blocks.platforms.kubernetes_settle import settle
from blocks.platforms.kubernetes_step import Act as StepAct
from blocks.platforms.kubernetes_step import Settings, step_of, writer_of
from blocks.platforms.kubernetes_steps import Forward, ensure_namespace
from blocks.platforms.kubernetes_supporting import namespace
from blocks.platforms.kubernetes_versions import version_fact
from slipway.canonical import JsonObject
from slipway.errors import BadInput, StepFailed
from slipway.platform import Stage, Step, StepContext
from slipway.release import ReleaseSpec, Target


def has_chart(spec: ReleaseSpec) -> bool:
    """Whether a specification's objects come from a chart."""
    return bool(spec.kubernetes and spec.kubernetes.chart)


def no_chart(spec: ReleaseSpec) -> bytes | None:  # noqa: ARG001
    """Where no ledger is known, there is none."""
    return None


def way_changed(spec: ReleaseSpec) -> BadInput:
    """The error for an environment that is to be released in another way than what runs there."""
    return BadInput(
        f"{spec.target} cannot change between a chart and other objects while a release runs there",
        allowed="the way in which it was released before",
        next_step="name another environment, or remove this one first",
    )


@dataclass(frozen=True, slots=True)
class Charts:
    """What installs charts.

    Attributes:
        program: Helm, name or path.
        read: gives the packed chart of a specification.
    """

    program: str
    read: Callable[[ReleaseSpec], bytes | None]

    def chart(self, spec: ReleaseSpec) -> bytes:
        """Raises WayBackMissing, LedgerTampered: it is gone, or is another one."""
        chart = self.read(spec)
        if chart is None:
            raise BadInput(f"release {spec.id} names no chart")
        return chart

    def helm(self, cluster: Cluster) -> Helm:
        return Helm(self.program, cluster.access, cluster.check)


@dataclass(frozen=True, slots=True)
class ChartForward:
    """From whatever runs to the chart of `spec` installed, serving and verified.

    A way back (no `previous`) takes fields back that somebody changed by hand.
    """

    settings: Settings
    charts: Charts
    spec: ReleaseSpec
    previous: ReleaseSpec | None

    def steps(self) -> list[Step]:
        acts: list[tuple[str, Stage, StepAct]] = [
            ("namespace present", Stage.APPLY, self.namespace_present),
            ("release accepted", Stage.APPLY, self.release_accepted),
            ("secrets written", Stage.APPLY, self.secrets_written),
            ("chart installed", Stage.APPLY, self.chart_installed),
            ("rollout complete", Stage.SETTLE, self.rollout_complete),
            ("traffic switched", Stage.SWITCH, self.traffic_switched),
            ("release verified", Stage.VERIFY, self.release_verified),
            ("release analysed", Stage.ANALYSE, self.release_analysed),
        ]
        if not self.spec.analysis:
            acts.pop()
        return [step_of(self.settings, *act) for act in acts]

    def namespace_present(self, cluster: Cluster, context: StepContext) -> JsonObject:
        made = ensure_namespace(cluster, namespace(self.spec), context)
        return {"made": made, "raised": self._writer(cluster, context).take_lease()}

    def release_accepted(self, cluster: Cluster, context: StepContext) -> JsonObject:
        self._repaired(cluster, context)
        facts = [
            version_fact(cluster),
            *kubernetes_rights.permission_facts(cluster, self._place),
            *(self.settings.image(service.image) for service in self.spec.services),
            *accepted(
                self.charts, cluster, self.spec, take_over=self.previous is None, is_new=True
            ),
        ]
        return {"facts": facts}

    def secrets_written(self, cluster: Cluster, context: StepContext) -> JsonObject:
        plain = (s.model_copy(update={"config": {}}) for s in self.spec.services)
        spec = self.spec.model_copy(update={"services": tuple(plain)})
        return Forward(self.settings, spec, self.previous).versions_written(cluster, context)

    def chart_installed(self, cluster: Cluster, context: StepContext) -> JsonObject:
        writer = self._writer(cluster, context)
        writer.refuse_stale()
        repaired = self._repaired(cluster, context)
        before = revisions(cluster, self._place, release_name(self.spec))
        if self._is_there(cluster, before):
            return {"revision": before[-1].number, "applied": [], "repaired": repaired}
        helm = self.charts.helm(cluster)
        chart = self.charts.chart(self.spec)
        manifest = rendered(helm, self.spec, chart)
        adopts = adopted(cluster, manifest.documents, self._place)
        for line in adopts:
            context.note(f"{line} is taken over by the chart")
        act = Act(
            helm.version[0],
            writer.token,
            context.candidate,
            take_over=self.previous is None or bool(adopts),
        )
        writer.refuse_stale()
        made = upgraded(helm, cluster, self.spec, chart, act)
        refuse_overtaken(writer, release_name(self.spec), int(made["version"]))
        return {
            "revision": int(made["version"]),
            "applied": [f"Helm release {release_name(self.spec)}"],
            "repaired": repaired,
            "adopted": adopts,
        }

    def rollout_complete(self, cluster: Cluster, context: StepContext) -> JsonObject:
        return settle(self._chart_place(cluster), context)

    def traffic_switched(self, cluster: Cluster, context: StepContext) -> JsonObject:
        """The chart's Service selects the pods already: only its endpoints are waited for."""
        place = self._chart_place(cluster)
        routes = await_routes(place, context)
        found = reachable(cluster, self._place, place.installed.front)
        return {"applied": [], "endpoints": routes, "reachable at": found}

    def release_verified(self, cluster: Cluster, context: StepContext) -> JsonObject:
        place = self._chart_place(cluster)
        found = reachable(cluster, self._place, place.installed.front)
        return {**bake(place, context), "reachable at": found}

    def release_analysed(self, cluster: Cluster, context: StepContext) -> JsonObject:
        return analyse(self._chart_place(cluster), context)

    def _is_there(self, cluster: Cluster, history: Sequence[Revision]) -> bool:
        """Whether the newest revision is this release, and nobody changed what it set."""
        newest = history[-1] if history else None
        if newest is None or newest.status != DEPLOYED or identity(newest, history) != self.spec.id:
            return False
        made = installed_of(cluster, self.spec)
        return not changes(cluster, made.documents, self._place)

    def _repaired(self, cluster: Cluster, context: StepContext) -> list[int]:
        repaired = repair(self._writer(cluster, context), release_name(self.spec))
        for number in repaired:
            context.note(f"Helm revision {number} was left pending; it is marked as failed")
        return repaired

    def _chart_place(self, cluster: Cluster) -> ChartPlace:
        return ChartPlace(cluster, self.spec, installed=installed_of(cluster, self.spec))

    @property
    def _place(self) -> str:
        return names.namespace_of(self.spec)

    def _writer(self, cluster: Cluster, context: StepContext) -> Writer:
        return writer_of(cluster, self.spec.target, self._place, context)


@dataclass(frozen=True, slots=True)
class ChartRetire:
    """Remove Secrets of ours that no kept release needs; without any, the chart as well.

    Helm itself removes what a newer revision no longer names.
    """

    settings: Settings
    charts: Charts
    target: Target
    namespace: str
    keep: Sequence[ReleaseSpec]

    def steps(self) -> list[Step]:
        if self.keep:
            return [step_of(self.settings, "old releases removed", Stage.RETIRE, self.old_removed)]
        return [step_of(self.settings, "chart removed", Stage.RETIRE, self.chart_removed)]

    def chart_removed(self, cluster: Cluster, context: StepContext) -> JsonObject:
        writer = writer_of(cluster, self.target, self.namespace, context)
        writer.refuse_stale()
        if not is_ours(revisions(cluster, self.namespace, self.target.app)):
            return {"removed": []}
        self.charts.helm(cluster).uninstall(self.target.app, self.namespace)
        return {"removed": [f"Helm release {self.target.app}"]}

    def old_removed(self, cluster: Cluster, context: StepContext) -> JsonObject:
        writer = writer_of(cluster, self.target, self.namespace, context)
        writer.refuse_stale()
        kept = {names.secrets_name(spec) for spec in self.keep if spec.secrets}
        labels = names.target_selector(self.target)
        found = {s["metadata"]["name"] for s in cluster.list("Secret", self.namespace, labels)}
        surplus = sorted(found - kept)
        return {"removed": [f"Secret/{name}" for name in surplus if writer.delete("Secret", name)]}


def rendered(helm: Helm, spec: ReleaseSpec, chart: bytes) -> Installed:
    """The chart's manifest as the API server's versions shape it; nothing is kept.

    Raises:
        BadInput: chart or values cannot be used, or do not run what the specification says.
    """
    told = helm.upgrade(spec, chart, Act(helm.version[0], is_dry=True))
    return installed(str(told.get("manifest", "")), spec)


def accepted(
    charts: Charts,
    cluster: Cluster,
    spec: ReleaseSpec,
    *,
    take_over: bool,
    is_new: bool = False,
) -> list[str]:
    """Facts that let the chart be installed now.

    Args:
        is_new: quotas must have room for it; a proof that what runs could be restored asks none.

    Raises:
        BadInput: see `rendered`. FieldConflict, StepFailed: see `judge`.
    """
    helm = charts.helm(cluster)
    made = rendered(helm, spec, charts.chart(spec))
    place = names.namespace_of(spec)
    major, minor = helm.version
    return [
        f"Helm {major}.{minor} renders the chart of release {spec.id}",
        *(room_facts(cluster, place, made.documents, {}) if is_new else ()),
        judge(cluster, made.documents, place, release_name(spec), take_over=take_over),
    ]


def prove_chart(
    charts: Charts, settings: Settings, cluster: Cluster, spec: ReleaseSpec
) -> list[str]:
    """Facts that let the release be carried out now; it is a way back.

    Raises:
        WayBackMissing: its namespace, chart or secrets are gone, or the chart is refused.
        Refused: a permission is missing, or somebody else changed what the release set.
    """
    place = names.namespace_of(spec)
    facts = [
        version_fact(cluster),
        *kubernetes_rights.permission_facts(cluster, place),
    ]
    kubernetes_prove.refuse_without_namespace(cluster, spec)
    facts += [settings.image(service.image) for service in spec.services]
    facts += kubernetes_prove.secret_facts(cluster, spec)
    try:
        return facts + accepted(charts, cluster, spec, take_over=False)
    except (BadInput, StepFailed) as error:
        raise kubernetes_prove.not_restorable(spec, error) from error
