"""The steps of strategy `canary`: a rising share of the traffic before the release replaces all.

The stable set stays as it is, with every replica, until the canary was good at its last weight.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

from blocks.platforms import kubernetes_analysis, kubernetes_retire
from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import Cluster, path_for
from blocks.platforms.kubernetes_gateway import behind_route, is_routed
from blocks.platforms.kubernetes_judge import is_complete, replicas
from blocks.platforms.kubernetes_observe import release_of
from blocks.platforms.kubernetes_preview import try_out
from blocks.platforms.kubernetes_prove import judge
from blocks.platforms.kubernetes_settle import Place, settle
from blocks.platforms.kubernetes_step import Act, step_of
from blocks.platforms.kubernetes_steps import Forward
from blocks.platforms.kubernetes_supporting import preview, supporting_objects
from blocks.platforms.kubernetes_ways import leads_aside, let_spread, remove_led_to
from blocks.platforms.kubernetes_workload import canary_deployment, deployment
from slipway.canary import canary_pods, carrying_pods, share
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
        for wanted in beside(self.spec, "", dict.fromkeys(map(name_of, self.spec.services), 1)):
            judge(cluster, self.spec, wanted, path_for(wanted), take_over=False)
        return seen

    def counted(self) -> list[JsonObject]:
        """With the pods beside the stable set at the last weight."""
        weights = self.spec.kubernetes.canary if self.spec.kubernetes else ()
        if not weights or self.previous is None:
            return Forward.counted(self)
        wanted = {service.name: service.replicas for service in self.spec.services}
        more = beside(self.spec, "", pods_of(self.spec, wanted, weights[-1].weight))
        return [*Forward.counted(self), *more]

    def canary_at(self, weight: Weight, cluster: Cluster, context: StepContext) -> JsonObject:
        """Pods beside the stable set, ready, tried out alone, and watched under their traffic."""
        stable = self._stable(cluster)
        if self.spec.front not in stable:
            return {"skipped": "no other release serves"}
        wanted = {name: replicas(one) for name, one in stable.items()}
        counts = pods_of(self.spec, wanted, weight.weight)
        applied = self._apply(cluster, context, self._beside(cluster, context, stable, counts))
        place = Place(cluster, self.spec, only=self._settling(stable))
        settled = settle(place, context)
        weighed = self._weighed(place, context, weight.weight)
        of_all = share(wanted[self.spec.front], counts[self.spec.front])
        of_what = "requests" if weighed else "pods"
        of_all = weight.weight if weighed else of_all
        context.note(f"canary at {weight.weight} %: {of_all} % of the {of_what}, {told(counts)}")
        seen = try_out(place, context, weight.hold_millis)
        return {**applied, **settled, **weighed, **seen, "canary": counts, "share": of_all}

    def _weighed(self, place: Place, context: StepContext, weight: int) -> JsonObject:
        """Where a route gives the share, the pods are good before it does, and known to proxies."""
        if not is_routed(self.spec):
            return {}
        try_out(place, context, 0)
        if not leads_aside(place.cluster, self.spec):
            self.route_set(place.cluster, context, 0)
            let_spread(context)
        return self.route_set(place.cluster, context, weight)

    def canary_analysed(self, cluster: Cluster, context: StepContext) -> JsonObject:
        """Of the release's pods: there are none but the canary's."""
        stable = self._stable(cluster)
        if self.spec.front not in stable:
            return {"skipped": "no other release serves"}
        place = Place(cluster, self.spec, only=self._settling(stable))
        return kubernetes_analysis.analyse(place, context)

    def canary_removed(self, cluster: Cluster, context: StepContext) -> JsonObject:
        """Once no route leads to it."""
        seen = self.route_home(cluster, context)
        place = names.namespace_of(self.spec)
        found = kubernetes_retire.find_canaries(cluster, self.spec.target, place)
        removed = remove_led_to(self._writer(cluster, context), found, context)
        return {**seen, "removed": removed}

    def canary_withdrawn(self, cluster: Cluster, context: StepContext) -> JsonObject:
        """At once where the stable set is whole; else the traffic's switch removes it later."""
        found = {one["metadata"]["name"]: one for one in self._listed(cluster)}
        whole = all(is_whole(found.get(s.name), self.spec, s) for s in self.spec.services)
        if not whole:
            return {"removed": []}
        return {**self.closed(cluster, context), **self.canary_removed(cluster, context)}

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
        whole = [s for s in self.spec.services if s.name not in stable]
        new = [deployment(self.spec, s, context.candidate) for s in whole]
        return [*around, *absent, *new, *beside(self.spec, context.candidate, counts)]

    def _settling(self, stable: Stable) -> Sequence[tuple[str, str]]:
        return [
            ("Deployment", names.canary_name(s) if s.name in stable else s.name)
            for s in self.spec.services
        ]


def beside(spec: ReleaseSpec, candidate: str, counts: Mapping[str, int]) -> list[JsonObject]:
    """The canary's own objects, and the preview that leads to it. Pure.

    Args:
        counts: pods by the name of their service; of services without, there is no canary.
    """
    made, is_apart = [], is_routed(spec)
    for service in (s for s in spec.services if s.name in counts):
        if is_apart and service.name == spec.front:
            made += behind_route(spec, service, candidate, counts[service.name])
        else:
            made.append(canary_deployment(spec, service, candidate, counts[service.name]))
    return made if is_apart else [*made, preview(spec)]


def pods_of(spec: ReleaseSpec, stable: Mapping[str, int], weight: int) -> dict[str, int]:
    """How many pods each service's canary has at a weight, beside so many stable ones. Pure.

    A route weighs the requests to the front service alone.
    """
    exact = {spec.front} if is_routed(spec) else set()
    return {
        name: (carrying_pods if name in exact else canary_pods)(pods, weight)
        for name, pods in stable.items()
    }


def name_of(service: ServiceSpec) -> str:
    return service.name


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
