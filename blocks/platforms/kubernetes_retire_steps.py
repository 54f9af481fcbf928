"""The steps that end releases on a cluster."""

from collections.abc import Sequence
from dataclasses import dataclass

from blocks.platforms import kubernetes_names as names
from blocks.platforms import kubernetes_retire
from blocks.platforms.kubernetes_api import Cluster, path_for
from blocks.platforms.kubernetes_fence import Writer
from blocks.platforms.kubernetes_resources import known
from blocks.platforms.kubernetes_step import Settings, step_of, writer_of
from slipway.canonical import JsonObject
from slipway.platform import Stage, Step, StepContext
from slipway.release import ReleaseSpec, Target


@dataclass(frozen=True, slots=True)
class Retire:
    """Remove what no kept release needs; everything where nothing is kept."""

    settings: Settings
    target: Target
    namespace: str
    keep: Sequence[ReleaseSpec]
    manifests: kubernetes_retire.OfReleases

    def steps(self) -> list[Step]:
        if self.keep:
            return [
                step_of(self.settings, "old releases removed", Stage.RETIRE, self.old_removed),
            ]
        return [
            step_of(self.settings, "traffic ended", Stage.RETIRE, self.traffic_ended),
            step_of(self.settings, "environment removed", Stage.RETIRE, self.old_removed),
        ]

    def traffic_ended(self, cluster: Cluster, context: StepContext) -> JsonObject:
        labels = names.owned_selector(self.target)
        ways = known("HTTPRoute").list(cluster, self.namespace, labels)
        ways += cluster.list("Service", self.namespace, labels)
        found = [(path_for(made), made) for made in ways]
        return {"removed": kubernetes_retire.remove(self._writer(cluster, context), found)}

    def old_removed(self, cluster: Cluster, context: StepContext) -> JsonObject:
        writer = self._writer(cluster, context)
        writer.refuse_stale()
        found = kubernetes_retire.find_surplus(
            cluster, self.target, self.namespace, self.keep, self.manifests
        )
        return {"removed": kubernetes_retire.remove(writer, found)}

    def _writer(self, cluster: Cluster, context: StepContext) -> Writer:
        return writer_of(cluster, self.target, self.namespace, context)
