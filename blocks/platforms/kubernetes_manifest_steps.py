"""The steps of a release with manifests: supporting objects, hooks, one wave after the other."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from blocks.platforms import kubernetes_analysis, kubernetes_prove, kubernetes_verify
from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_api import Cluster
from blocks.platforms.kubernetes_fence import Writer
from blocks.platforms.kubernetes_hooks import Running
from blocks.platforms.kubernetes_judge import is_made_by
from blocks.platforms.kubernetes_manifests import SETTLING, Manifests, settling, words
from blocks.platforms.kubernetes_observe import is_ready, release_of
from blocks.platforms.kubernetes_quota import room_facts
from blocks.platforms.kubernetes_records import record
from blocks.platforms.kubernetes_resources import resource_of, resources_of
from blocks.platforms.kubernetes_scaling import KIND, Bounds, bounds_of
from blocks.platforms.kubernetes_settle import Place, settle
from blocks.platforms.kubernetes_step import Act, step_of
from blocks.platforms.kubernetes_steps import Forward, named, told
from blocks.platforms.kubernetes_supporting import service_account
from blocks.platforms.kubernetes_versions import version_fact
from slipway.bundles import Bundles
from slipway.canonical import JsonObject
from slipway.manifest_kinds import Rank
from slipway.manifest_render import Hook, Rendered
from slipway.platform import Stage, Step, StepContext

Hooks = Callable[[Rendered], Sequence[Hook]]


def before(rendered: Rendered) -> Sequence[Hook]:
    return rendered.before


def after(rendered: Rendered) -> Sequence[Hook]:
    return rendered.after


@dataclass(frozen=True, slots=True)
class ForwardManifests(Forward):
    """From whatever runs to the manifests of `spec` serving and verified."""

    manifests: Manifests
    bundles: Bundles

    def steps(self) -> list[Step]:
        rendered = self.manifests.rendered()
        acts: list[tuple[str, Stage, Act]] = [
            ("namespace present", Stage.APPLY, self.namespace_present),
            ("release accepted", Stage.APPLY, self.release_accepted),
            ("config and secrets written", Stage.APPLY, self.versions_written),
            ("supporting objects applied", Stage.APPLY, self.supporting_applied),
            *self._hooks(before, Stage.APPLY),
            *self._waves(rendered),
            ("traffic switched", Stage.SWITCH, self.traffic_switched),
            *self._hooks(after, Stage.SWITCH),
            ("release verified", Stage.VERIFY, self.release_verified),
            *self.analysis(),
        ]
        return [step_of(self.settings, *act) for act in acts]

    def _hooks(self, which: Hooks, stage: Stage) -> Iterator[tuple[str, Stage, Act]]:
        for number, hook in enumerate(which(self.manifests.rendered())):
            name = hook.job["metadata"]["name"].removesuffix(f"-{self.spec.id}")
            yield f"hook {name} finished", stage, partial(self.hook_finished, which, number)

    def _waves(self, rendered: Rendered) -> Iterator[tuple[str, Stage, Act]]:
        for number, wave in enumerate(rendered.serving):
            what, where = words(wave)
            yield f"{what} applied{where}", Stage.APPLY, partial(self.wave_applied, number)
            if wave.rank is Rank.WORKLOAD:
                act = partial(self.wave_complete, number)
                yield f"rollout complete{where}", Stage.SETTLE, act

    def account_present(self, writer: Writer) -> bool:
        """An account that the manifests hold is applied with them."""
        account = service_account(self.spec)
        kept = ("", "ServiceAccount", account["metadata"]["name"]) in self.manifests.identities
        return not kept and writer.create(account, ours=False)

    def release_accepted(self, cluster: Cluster, context: StepContext) -> JsonObject:
        facts = [
            version_fact(cluster, self.manifests.objects),
            *kubernetes_prove.manifest_facts(cluster, self.manifests),
            *(self.settings.image(service.image) for service in self.spec.services),
            *room_facts(
                cluster,
                names.namespace_of(self.spec),
                self.manifests.objects,
                self._bounds(),
            ),
            *kubernetes_prove.dry_run_manifests(
                cluster, self.manifests, take_over=self.previous is None
            ),
        ]
        return {"facts": facts}

    def versions_written(self, cluster: Cluster, context: StepContext) -> JsonObject:
        """The record comes before all that it tells of."""
        kinds = resources_of(cluster, self.manifests.objects)
        is_new = self._writer(cluster, context).create(record(self.spec, kinds))
        written = Forward.versions_written(self, cluster, context)["written"]
        return {"written": [*written, *([names.record_name(self.spec)] if is_new else [])]}

    def supporting_applied(self, cluster: Cluster, context: StepContext) -> JsonObject:
        rendered = self.manifests.rendered(context.candidate)
        waves = rendered.supporting
        return self._apply(cluster, context, [one for wave in waves for one in wave.objects])

    def hook_finished(
        self, which: Hooks, number: int, cluster: Cluster, context: StepContext
    ) -> JsonObject:
        hook = which(self.manifests.rendered(context.candidate))[number]
        return Running(self._writer(cluster, context), self.spec, hook, context).run()

    def wave_applied(self, number: int, cluster: Cluster, context: StepContext) -> JsonObject:
        wave = self.manifests.rendered(context.candidate).serving[number]
        freed = self.freed(cluster, context, wave.objects)
        return {**self._apply(cluster, context, wave.objects, self._bounds()), **freed}

    def _bounds(self) -> dict[str, Bounds]:
        """Of each workload that an autoscaler of the release sets."""
        scalers = [one for one in self.manifests.objects if one["kind"] == KIND]
        return {str(one["spec"]["scaleTargetRef"]["name"]): bounds_of(one) for one in scalers}

    def wave_complete(self, number: int, cluster: Cluster, context: StepContext) -> JsonObject:
        workloads = settling([self.manifests.rendered().serving[number]])
        place = Place(cluster, self.spec, self.manifests, self.bundles, workloads)
        freed = self._free_stuck(place, context)
        return {**settle(place, context), "freed": freed}

    def traffic_switched(self, cluster: Cluster, context: StepContext) -> JsonObject:
        """The Services were applied before the workloads; they follow by their selectors."""
        return self.routed(cluster, context, self._place(cluster))

    def release_verified(self, cluster: Cluster, context: StepContext) -> JsonObject:
        verified = kubernetes_verify.bake(self._place(cluster), context)
        return {**verified, **self.reached(cluster)}

    def release_analysed(self, cluster: Cluster, context: StepContext) -> JsonObject:
        return kubernetes_analysis.analyse(self._place(cluster), context)

    def _place(self, cluster: Cluster) -> Place:
        return Place(cluster, self.spec, self.manifests, self.bundles)

    def _apply(
        self,
        cluster: Cluster,
        context: StepContext,
        wanted: Sequence[JsonObject],
        starts: Mapping[str, Bounds] = MappingProxyType({}),
    ) -> JsonObject:
        writer, take_over = self._writer(cluster, context), self.previous is None
        writer.refuse_stale()
        place, applied, taken = names.namespace_of(self.spec), [], []
        for one in wanted:
            path = resource_of(cluster, one).path(place, one["metadata"]["name"])
            number = starts.get(one["metadata"]["name"]) if one["kind"] in SETTLING else None
            result = writer.apply(one, take_over=take_over, path=path, starts=number)
            applied += [named(one)] if result.is_changed else []
            taken += told(one, result, context)
        return {"applied": applied, "taken back": taken}

    def _free_stuck(self, place: Place, context: StepContext) -> list[str]:
        """Remove pods of another release that hold a StatefulSet up: it waits for them in order.

        https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback
        """
        sets = {name for kind, name in place.workloads if kind == "StatefulSet"}
        writer = self._writer(place.cluster, context)
        return [
            pod["metadata"]["name"]
            for pod in (place.read().pods if sets else ())
            if any(is_made_by(pod, "StatefulSet", name) for name in sets)
            and release_of(pod) != self.spec.id
            and not is_ready(pod)
            and not pod["metadata"].get("deletionTimestamp")
            and writer.delete("Pod", pod["metadata"]["name"])
        ]
