"""The chart of the FastAPI example as a release of the test app, by a Helm of one version."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from blocks.platforms.kubernetes import KubernetesPlatform
from blocks.platforms.kubernetes_access import by_settings
from slipway import charts
from slipway.bundles import Bundles
from slipway.canonical import JsonObject, sha256_digest
from slipway.directory_store import DirectoryStore
from slipway.release import KubernetesSpec, ReleaseSpec
from tests.rig.kubernetes_files import CHART, run
from tests.rig.kubernetes_world import KubernetesWorld

VALUES: JsonObject = {
    "image": {"repository": "${images.web.repository}", "digest": "${images.web.digest}"},
    "secret": {"name": "${secrets}"},
    "release": {"id": "${release}", "environment": "${environment}"},
    "config": {"values": "${config.web}"},
    "service": {"port": "${port}"},
    "serviceAccount": {"name": "${service_account}"},
    "replicas": "${replicas}",
    "autoscaling": {"enabled": False},
    "probes": {
        "liveness": {"path": "/health", "initialDelaySeconds": 1},
        "readiness": {"path": "/ready", "initialDelaySeconds": 0, "periodSeconds": 1},
    },
    "rollout": {"minReadySeconds": 1, "drainSeconds": 1, "terminationGracePeriodSeconds": 3},
    "resources": {
        "requests": {"cpu": "50m", "memory": "32Mi"},
        "limits": {"cpu": "500m", "memory": "64Mi"},
    },
}
SERVICE = "shop-vouchers"
# A migration that holds an upgrade up for as long as somebody needs to kill it.
SLOW_HOOK = b"""
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-migrate-{{ .Release.Revision }}
  annotations: {helm.sh/hook: pre-upgrade}
spec:
  backoffLimit: 0
  activeDeadlineSeconds: 60
  template:
    spec:
      restartPolicy: Never
      securityContext: {{- include "vouchers.podSecurity" . | nindent 8 }}
      containers:
        - name: migrate
          image: {{ include "vouchers.image" . }}
          command: [python3, -c, "import time; time.sleep(30)"]
          securityContext: {{- include "vouchers.containerSecurity" . | nindent 12 }}
"""


def chart_files() -> dict[str, bytes]:
    """The shipped chart, by paths in its folder."""
    files = (path for path in sorted(CHART.rglob("*")) if path.is_file())
    return {path.relative_to(CHART).as_posix(): path.read_bytes() for path in files}


@dataclass
class HelmWorld(KubernetesWorld):
    """A target whose releases are charts.

    Attributes:
        helm: the program. folder: holds the ledger, and the charts beside it.
    """

    helm: Path = field(default=Path("helm"))
    folder: Path = field(default=Path())

    @property
    def platform(self) -> KubernetesPlatform:
        access = by_settings(self.cluster.kubeconfig, self.cluster.context)
        bundles = Bundles(self._store)
        return KubernetesPlatform(access, self.namespace, bundles=bundles, helm=str(self.helm))

    @property
    def _store(self) -> DirectoryStore:
        return DirectoryStore(self.folder / "ledger")

    @cached_property
    def packed(self) -> bytes:
        return charts.pack("chart", chart_files())

    def spec(  # type: ignore[override]
        self,
        version: str = "one",
        mode: str = "ok",
        *,
        chart: bytes | None = None,
        values: JsonObject | None = None,
        **more: Any,
    ) -> ReleaseSpec:
        """The chart with the test app that answers `version`; kept beside the ledger."""
        more = {"secrets": {"voucher-key": "v1"}, **more}
        made = super().spec(version, mode, **more)
        data = chart or self.packed
        place = KubernetesSpec(
            namespace=self.namespace,
            service_account="shop",
            chart=sha256_digest(data),
            values=values or VALUES,
        )
        spec = made.model_copy(update={"kubernetes": place})
        Bundles(self._store).keep(spec, data)
        return ReleaseSpec.model_validate(spec.model_dump())

    @property
    def address(self) -> str:
        return self.cluster.service_address(self.namespace, SERVICE)

    def people(self, *argv: str) -> str:
        """What a person's own Helm prints."""
        way = (f"--kubeconfig={self.cluster.kubeconfig}", f"--kube-context={self.cluster.context}")
        done = run(self.helm, *argv, *way, f"--namespace={self.namespace}")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def history(self) -> list[dict[str, Any]]:
        return list(json.loads(self.people("history", "shop", "--output=json")))

    def statuses(self) -> list[str]:
        return [str(entry["status"]) for entry in self.history()]
