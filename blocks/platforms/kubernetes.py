"""Kubernetes as a platform: each release is a rollout of Deployments behind Services.

docs/kubernetes-platform.md tells names, steps, permissions and how stale holders are fenced off.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from blocks.platforms import (
    kubernetes_evidence,
    kubernetes_helm_evidence,
    kubernetes_helm_observe,
    kubernetes_managers,
    kubernetes_observe,
    kubernetes_prove,
    kubernetes_rights,
)
from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_access import Access, kept
from blocks.platforms.kubernetes_api import ApiRefused, path_of
from blocks.platforms.kubernetes_canary import ForwardCanary
from blocks.platforms.kubernetes_fence import Writer
from blocks.platforms.kubernetes_fields import spec_fields
from blocks.platforms.kubernetes_helm_steps import (
    ChartForward,
    ChartRetire,
    Charts,
    has_chart,
    no_chart,
    prove_chart,
    way_changed,
)
from blocks.platforms.kubernetes_helm_store import repair_ours
from blocks.platforms.kubernetes_manifest_steps import ForwardManifests
from blocks.platforms.kubernetes_manifests import Manifests, manifests_of
from blocks.platforms.kubernetes_retire_steps import Retire
from blocks.platforms.kubernetes_step import Settings
from blocks.platforms.kubernetes_steps import Forward
from blocks.platforms.kubernetes_workload import checked_user
from slipway.bundles import Bundles
from slipway.canonical import JsonObject
from slipway.errors import BadInput, Cause, LedgerTampered, SlipwayError, StepFailed, WayBackMissing
from slipway.platform import Evidence, Observation, Step
from slipway.release import ReleaseSpec, Target

ImageCheck = Callable[[str], str]


def not_asked(image: str) -> str:
    """Where no registry is known, the node's own pull is the proof."""
    return f"image {image} is not asked for here"


@dataclass(frozen=True)
class KubernetesPlatform:
    """A cluster that runs apps, one namespace for each environment.

    Attributes:
        access: gives a client of the cluster.
        namespace: of the target that is worked on; APP-ENVIRONMENT where None.
        image: proves that an image can be pulled; the fact, or raises.
        bundles: reads the manifests or the chart of releases that have some.
        helm: the program that installs charts.
    """

    access: Access
    namespace: str | None = None
    image: ImageCheck = not_asked
    bundles: Bundles | None = None
    helm: str = "helm"
    installs_charts: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "access", kept(self.access))

    def reading(self, bundles: Bundles) -> "KubernetesPlatform":
        """See ReadsManifests."""
        return replace(self, bundles=bundles)

    def within(self, namespace: str) -> "KubernetesPlatform":
        """See HasNamespaces."""
        return replace(self, namespace=namespace)

    def render(self, spec: ReleaseSpec) -> dict[str, str]:
        """See Platform.

        Raises:
            BadInput: a service would run as root, the release belongs to another namespace, or
                its manifests break a rule.
        """
        for service in spec.services:
            checked_user(service)
        self._refuse_moved(spec)
        if has_chart(spec):
            return kubernetes_helm_observe.spec_fields(spec)
        manifests = manifests_of(spec, self.bundles)
        return manifests.fields if manifests else spec_fields(spec)

    def observe(self, target: Target) -> Observation:
        """See Platform."""
        with self._settings().cluster() as cluster:
            place = self._namespace(target)
            if chart := kubernetes_helm_observe.see(cluster, target, place):
                return kubernetes_helm_observe.observation(chart, place)
            seen = kubernetes_observe.see(cluster, target, place)
            return kubernetes_observe.observation(seen, self.bundles)

    def managers(self, target: Target, fields: Sequence[str]) -> Mapping[str, str]:
        """See KnowsManagers."""
        with self._settings().cluster() as cluster:
            seen = kubernetes_observe.see(cluster, target, self._namespace(target))
            return kubernetes_managers.managers(seen, fields)

    def prove(self, spec: ReleaseSpec) -> list[str]:
        """See Platform.

        Raises:
            Refused: a permission is missing, or somebody else changed what the release set.
        """
        self._refuse_moved(spec)
        manifests = manifests_of(spec, self.bundles)
        with self._settings().cluster() as cluster:
            try:
                if has_chart(spec):
                    return prove_chart(self._charts(), self._settings(), cluster, spec)
                return kubernetes_prove.prove(cluster, spec, self.image, manifests, self.bundles)
            except StepFailed as error:
                raise kubernetes_prove.not_restorable(spec, error) from error

    def fence(self, target: Target, token: int) -> JsonObject:
        """See Platform. Where there is no namespace yet there is nothing to fence.

        Raises:
            Refused: the account lacks a permission; every one that is missing is named.
        """
        place = self._namespace(target)
        with self._settings().cluster(patience=60) as cluster:
            if cluster.find(path_of("Namespace", "", place)) is None:
                return {"holder": token, "lease": None}
            writer = Writer(cluster, target, place, token)
            try:
                touched = writer.fence()
                touched += [f"Helm revision {n}" for n in repair_ours(writer, target.app)]
            except StepFailed as error:
                if error.cause is Cause.PERMISSION:
                    kubernetes_rights.permission_facts(cluster, place)
                raise
            return {"holder": token, "lease": names.lease_name(target), "touched": touched}

    def forward(self, spec: ReleaseSpec, previous: ReleaseSpec | None) -> Sequence[Step]:
        """See Platform.

        Raises:
            BadInput: see `render`.
        """
        self.render(spec)
        if previous and has_chart(previous) != has_chart(spec):
            raise way_changed(spec)
        if has_chart(spec):
            return ChartForward(self._settings(), self._charts(), spec, previous).steps()
        manifests = manifests_of(spec, self.bundles)
        if manifests and self.bundles:
            whole = (self._settings(), spec, previous, manifests, self.bundles)
            return ForwardManifests(*whole).steps()
        way = ForwardCanary if spec.strategy == names.CANARY else Forward
        return way(self._settings(), spec, previous).steps()

    def retire(self, target: Target, keep: Sequence[ReleaseSpec]) -> Sequence[Step]:
        """See Platform."""
        settings, place = self._settings(), self._namespace(target)
        chart = ChartRetire(settings, self._charts(), target, place, keep).steps()
        if keep and has_chart(keep[0]):
            return chart
        found = ((spec.id, self._kept(spec, keep)) for spec in keep)
        manifests = {spec_id: one for spec_id, one in found if one}
        rest = Retire(settings, target, place, keep, manifests).steps()
        return rest if keep else [*chart, *rest]

    def evidence(self, spec: ReleaseSpec) -> list[Evidence]:
        """See Platform."""
        try:
            with self._settings().cluster() as cluster:
                if has_chart(spec):
                    return kubernetes_helm_evidence.gather(cluster, spec)
                return kubernetes_evidence.gather(cluster, spec)
        except (SlipwayError, ApiRefused, OSError, ValueError, KeyError) as error:
            return [Evidence("no evidence", (f"{type(error).__name__}: the cluster gave none",))]

    def _kept(self, spec: ReleaseSpec, keep: Sequence[ReleaseSpec]) -> Manifests | None:
        """Of a way back whose manifests are gone there is nothing that could be kept."""
        try:
            return manifests_of(spec, self.bundles)
        except (WayBackMissing, LedgerTampered):
            if spec is keep[0]:
                raise
            return None

    def _namespace(self, target: Target) -> str:
        return self.namespace or names.default_namespace(target)

    def _refuse_moved(self, spec: ReleaseSpec) -> None:
        found, own = names.namespace_of(spec), self._namespace(spec.target)
        if found != own:
            raise BadInput(
                f"the namespace of {spec.target} cannot be changed while a release runs there",
                found=found,
                allowed=own,
                next_step="name another environment, or remove this one first",
            )

    def _charts(self) -> Charts:
        return Charts(self.helm, self.bundles.chart if self.bundles else no_chart)

    def _settings(self) -> Settings:
        return Settings(self.access, self.image)
