"""The steps of strategy `canary`: a rising share of the traffic before the release replaces all.

The stable set stays as it is, with every replica, until the canary was good at its last weight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

from blocks.platforms import kubernetes_analysis, kubernetes_retire
from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import Cluster, path_for
from blocks.platforms.kubernetes_judge import is_complete, replicas
from blocks.platforms.kubernetes_observe import is_canary, release_of
from blocks.platforms.kubernetes_preview import try_out
from blocks.platforms.kubernetes_prove import judge
from blocks.platforms.kubernetes_settle import Place, settle
from blocks.platforms.kubernetes_steps import Act, Forward, step_of
from blocks.platforms.kubernetes_supporting import preview, supporting_objects
from blocks.platforms.kubernetes_workload import canary_deployment, deployment
from slipway.canary import canary_pods, share
from slipway.canonical import JsonObject
from slipway.platform import Stage, Step, StepContext
from slipway.release import ReleaseSpec, ServiceSpec, Weight

Stable = dict[str, JsonObject]
"""The Deployments that serve meanwhile, by service."""


@dataclass(frozen=True, slots=True)
class ForwardCanary(Forward):
    """From whatever runs to `spec` serving and verified, weight by weight where something serves.

    A way back takes the canary away first: the stable set is whole.
    """

    def steps(self) -> list[Step]:
        steps = Forward.steps(self)
        if self.previous is None:
            withdrawn = self._step("canary withdrawn", self.canary_withdrawn)
            return inserted(steps, "namespace present", [withdrawn])
        if not stands_beside(self.previous):
            return steps
        weights = self.spec.kubernetes.canary if self.spec.kubernetes else ()
        removed = self._step("canary removed", self.canary_removed)
        steps = inserted(steps, "rollout complete", [removed])
        return inserted(steps, "config and secrets written", [*chain(*map(self._at, weights))])

    def _at(self, weight: Weight) -> list[Step]:
        """The canary at one weight, and what is measured of it there."""
        name = f"canary at {weight.weight} %"
        steps = [self._step(name, partial(self.canary_at, weight))]
        if self.spec.analysis:
            steps.append(self._step(f"{name} analysed", self.canary_analysed, Stage.ANALYSE))
        return steps

    def _step(self, name: str, act: Act, stage: Stage = Stage.SWITCH) -> Step:
        return step_of(self.settings, name, stage, act)

    def release_accepted(self, cluster: Cluster, context: StepContext) -> JsonObject:
        seen = Forward.release_accepted(self, cluster, context)
        if self.previous is None:
            return seen
        for service in self.spec.services:
            wanted = canary_deployment(self.spec, service, "", 1)
            judge(cluster, self.spec, wanted, path_for(wanted), take_over=False)
        return seen

    def counted(self) -> list[JsonObject]:
        """With the pods beside the stable set at the last weight."""
        weights = self.spec.kubernetes.canary if self.spec.kubernetes else ()
        beside = [
            canary_deployment(self.spec, s, "", canary_pods(s.replicas, weights[-1].weight))
            for s in self.spec.services
            if weights and self.previous
        ]
        return [*Forward.counted(self), *beside]

    def canary_at(self, weight: Weight, cluster: Cluster, context: StepContext) -> JsonObject:
        """Pods beside the stable set, ready, tried out alone, and watched under their traffic."""
        stable = self._stable(cluster)
        if self.spec.front not in stable:
            return {"skipped": "no other release serves"}
        counts = {name: canary_pods(replicas(one), weight.weight) for name, one in stable.items()}
        applied = self._apply(cluster, context, self._beside(cluster, context, stable, counts))
        place = Place(cluster, self.spec, only=self._settling(stable))
        settled = settle(place, context)
        of_all = share(replicas(stable[self.spec.front]), counts[self.spec.front])
        context.note(f"canary at {weight.weight} %: {of_all} % of the pods, {told(counts)}")
        seen = try_out(place, context, weight.hold_millis)
        return {**applied, **settled, **seen, "canary": counts, "share": of_all}

    def canary_analysed(self, cluster: Cluster, context: StepContext) -> JsonObject:
        """Of the release's pods: there are none but the canary's."""
        stable = self._stable(cluster)
        if self.spec.front not in stable:
            return {"skipped": "no other release serves"}
        place = Place(cluster, self.spec, only=self._settling(stable))
        return kubernetes_analysis.analyse(place, context)

    def canary_removed(self, cluster: Cluster, context: StepContext) -> JsonObject:
        writer = self._writer(cluster, context)
        found = [(path_for(one), one) for one in self._listed(cluster) if is_canary(one)]
        return {"removed": kubernetes_retire.remove(writer, found)}

    def canary_withdrawn(self, cluster: Cluster, context: StepContext) -> JsonObject:
        """At once where the stable set is whole; else the traffic's switch removes it later."""
        found = {one["metadata"]["name"]: one for one in self._listed(cluster)}
        whole = all(is_whole(found.get(s.name), self.spec, s) for s in self.spec.services)
        return self.canary_removed(cluster, context) if whole else {"removed": []}

    def _stable(self, cluster: Cluster) -> Stable:
        """Of each service that another release runs already."""
        found = {one["metadata"]["name"]: one for one in self._listed(cluster)}
        return {
            service.name: found[service.name]
            for service in self.spec.services
            if serves_another(found.get(service.name), self.spec.id)
        }

    def _listed(self, cluster: Cluster) -> list[JsonObject]:
        labels = names.owned_selector(self.spec.target)
        return cluster.list("Deployment", names.namespace_of(self.spec), labels)

    def _beside(
        self, cluster: Cluster, context: StepContext, stable: Stable, counts: dict[str, int]
    ) -> list[JsonObject]:
        """What the canary is made of; a service that is new comes whole, for others ask it."""
        around = [m for m in supporting_objects(self.spec) if m["kind"] != "ServiceAccount"]
        absent = [s for s in self._behind() if cluster.find(path_for(s)) is None]
        workloads = [
            canary_deployment(self.spec, s, context.candidate, counts[s.name])
            if s.name in stable
            else deployment(self.spec, s, context.candidate)
            for s in self.spec.services
        ]
        return [*around, *absent, *workloads, preview(self.spec)]

    def _settling(self, stable: Stable) -> Sequence[tuple[str, str]]:
        return [
            ("Deployment", names.canary_name(s) if s.name in stable else s.name)
            for s in self.spec.services
        ]


def inserted(steps: Sequence[Step], after: str, more: Sequence[Step]) -> list[Step]:
    """The steps with more of them behind the one of that name. Pure."""
    at = [step.name for step in steps].index(after) + 1
    return [*steps[:at], *more, *steps[at:]]


def stands_beside(previous: ReleaseSpec) -> bool:
    """Whether pods of a canary would be behind the Service of what serves. Pure.

    Colours are selected by release, and manifests select as they like: the first release after
    them replaces them as `rolling` does.
    """
    place = previous.kubernetes
    is_generated = place is not None and not (place.manifests or place.chart)
    return is_generated and previous.strategy != names.BLUE_GREEN


def serves_another(workload: JsonObject | None, release: str) -> bool:
    """Whether there is a stable set of another release, which wants pods. Pure."""
    return workload is not None and replicas(workload) > 0 and release_of(workload) != release


def is_whole(workload: JsonObject | None, spec: ReleaseSpec, service: ServiceSpec) -> bool:
    """Whether the stable set of a service is of this release, complete, with all replicas. Pure."""
    return (
        workload is not None
        and release_of(workload) == spec.id
        and is_complete(workload)
        and replicas(workload) >= service.replicas
    )


def told(counts: dict[str, int]) -> str:
    return ", ".join(f"{pods} of {name}" for name, pods in counts.items())
