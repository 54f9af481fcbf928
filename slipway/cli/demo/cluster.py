"""The cluster of `slipway demo --target kubernetes`: what it is given, and its end."""

import base64
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.canonical import JsonObject
from slipway.cli.stack.secret_files import write_private
from slipway.cli.stack.settings import StackSettings
from slipway.errors import BadInput, DeadlineExceeded, Refused
from slipway.release import Target

if TYPE_CHECKING:
    from blocks.platforms.kubernetes_api import Cluster

DEMO = "slipway.dev/demo"
LOGIN = "registry-login"
REMOVAL_SECONDS = 120


@dataclass(frozen=True)
class DemoCluster:
    """A cluster given by kubeconfig and context; the demo's namespaces carry the stack's name."""

    settings: StackSettings

    @property
    def record(self) -> Path:
        """What `slipway down --apps` is to take away again."""
        return self.settings.state / "demo" / "cluster.json"

    @contextmanager
    def opened(self) -> Iterator["Cluster"]:
        """A client of it, meanwhile.

        Raises:
            BadInput: no such kubeconfig or context.
        """
        from blocks.platforms.kubernetes_access import by_settings
        from blocks.platforms.kubernetes_api import Cluster

        made = Cluster(by_settings(self.settings.kubeconfig, self.settings.kube_context))
        try:
            yield made
        finally:
            made.close()

    def version(self) -> str:
        """What it runs.

        Raises:
            Unreachable: it does not answer.
        """
        with self.opened() as cluster:
            return str(cluster.get("/version").get("gitVersion"))

    def prepare(self, targets: Iterable[Target], login: JsonObject) -> list[str]:
        """Namespaces whose pods may pull with that login; their names.

        Raises:
            Refused: a namespace is there that this demo did not make.
        """
        made = [(f"{target.app}-{target.environment}", target) for target in targets]
        with self.opened() as cluster:
            for name, target in made:
                if not self._is_there(cluster, name):
                    self._note(name)
                    cluster.call("POST", "/api/v1/namespaces", self._namespace(name, target))
                for kind, document in pull_access(name, target, login):
                    put(cluster, kind, document)
        return [name for name, _ in made]

    def remove(self) -> list[str]:
        """Take the demo's namespaces away, and wait for that; their names.

        Raises:
            Unreachable: the cluster does not answer. DeadlineExceeded: one does not end.
        """
        names = self._noted()
        with self.opened() as cluster:
            for name in names:
                if self._is_there(cluster, name):
                    cluster.call("DELETE", f"/api/v1/namespaces/{name}")
            await_gone(cluster, names)
        self.record.unlink(missing_ok=True)
        return names

    def _is_there(self, cluster: "Cluster", name: str) -> bool:
        found = cluster.find(f"/api/v1/namespaces/{name}")
        if found is None:
            return False
        if (found["metadata"].get("labels") or {}).get(DEMO) != self.settings.name:
            raise Refused(
                f"namespace {name} is there already, and not of this demo",
                allowed=f"none, or one with the label {DEMO}={self.settings.name}",
                next_step="remove it, or name another cluster",
            )
        return True

    def _namespace(self, name: str, target: Target) -> JsonObject:
        from blocks.platforms import kubernetes_names as names

        restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
        labels = {**names.target_labels(target), **restricted, DEMO: self.settings.name}
        metadata = {"name": name, "labels": labels}
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}

    def _note(self, name: str) -> None:
        """On record before it is made, so that nothing is left behind."""
        where = {
            "name": self.settings.name,
            "kubeconfig": str(self.settings.kubeconfig),
            "kube_context": self.settings.kube_context,
        }
        known = json.loads(self.record.read_text()) if self.record.exists() else {}
        same = {key: known.get(key) for key in where} == where
        names = known["namespaces"] if same else []
        write_private(
            self.record, json.dumps({**where, "namespaces": sorted({*names, name})}, indent=1)
        )

    def _noted(self) -> list[str]:
        return list(json.loads(self.record.read_text())["namespaces"])


def pull_access(namespace: str, target: Target, login: JsonObject) -> list[tuple[str, JsonObject]]:
    """Secret and service account by which the app's pods pull. Holds the password. Pure."""
    pair = f"{login['username']}:{login['password']}".encode()
    known = {**login, "auth": base64.b64encode(pair).decode()}
    host = known.pop("registry")
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": LOGIN, "namespace": namespace},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": json.dumps({"auths": {host: known}})},
    }
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": target.app, "namespace": namespace},
        "automountServiceAccountToken": False,
        "imagePullSecrets": [{"name": LOGIN}],
    }
    return [("Secret", secret), ("ServiceAccount", account)]


def put(cluster: "Cluster", kind: str, document: JsonObject) -> None:
    """Make the object, or make it say so again."""
    from blocks.platforms.kubernetes_api import APPLY, path_of

    metadata = document["metadata"]
    path = path_of(kind, metadata["namespace"], metadata["name"])
    cluster.call("PATCH", path, document, APPLY, {"fieldManager": "slipway-demo", "force": "true"})


def await_gone(cluster: "Cluster", names: Iterable[str]) -> None:
    """Raises DeadlineExceeded where a namespace does not end."""
    until = time.monotonic() + REMOVAL_SECONDS
    for name in names:
        while cluster.find(f"/api/v1/namespaces/{name}"):
            if time.monotonic() > until:
                raise DeadlineExceeded(
                    f"namespace {name} does not end", next_step=f"kubectl describe namespace {name}"
                )
            time.sleep(0.5)


def remove_demo(state: Path) -> list[str]:
    """Take away what a demo left on a cluster; the namespaces, none where there was none."""
    record = state / "demo" / "cluster.json"
    if not record.exists():
        return []
    known = json.loads(record.read_text())
    known.pop("namespaces")
    return DemoCluster(StackSettings(state=state, **known)).remove()


def cluster_settings(
    kubeconfig: Path | None, context: str | None, known: StackSettings
) -> StackSettings:
    """The stack with the cluster that is named.

    Raises:
        BadInput: none is named; whichever kubectl happens to use is not good enough.
    """
    kubeconfig, context = kubeconfig or known.kubeconfig, context or known.kube_context
    if not kubeconfig and not context:
        raise BadInput(
            "no cluster is named",
            allowed="--context NAME or --kubeconfig FILE",
            next_step="name one; `make demo TARGET=kubernetes` brings one up by itself",
        )
    from blocks.platforms.kubernetes_access import default_kubeconfig

    # The worker has neither this shell's folder nor its KUBECONFIG.
    absolute = (kubeconfig or default_kubeconfig()).expanduser().absolute()
    return known.model_copy(update={"kubeconfig": absolute, "kube_context": context})
