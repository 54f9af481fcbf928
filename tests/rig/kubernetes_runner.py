"""A worker of dev in its runner's namespace, and the Prefect server outside that it works for."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from slipway.canonical import JsonObject
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_site import Site
from tests.rig.prefect_api import AUTH, PrefectApi
from tests.rig.worker_image import WORKER

POOL = "slipway-dev"
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@dataclass
class Runner:
    """The runner's namespace of dev with a worker in it, and the Prefect server outside."""

    site: Site
    api: PrefectApi
    image: str
    state: Path
    values: dict[str, str]

    @property
    def cluster(self) -> Cluster:
        return self.site.cluster

    @property
    def namespace(self) -> str:
        return self.site.namespace("runner dev")

    @property
    def reachable(self) -> str:
        """The API's address for pods."""
        return self.api.url.replace("127.0.0.1", self.cluster.own.host_address)

    def call(self, method: str, path: str, body: object = None) -> Any:
        with httpx.Client(base_url=self.api.url, auth=tuple(AUTH.split(":")), timeout=30) as api:
            answer = api.request(method, path, json=body)
        assert answer.is_success, f"{path}: {answer.text[:500]}"
        return answer.json() if answer.content else None

    def make(self) -> "Runner":
        """Everything of docker/worker: secrets, state, pool, worker."""
        self.cluster.apply(*self.prerequisites(), namespace=self.namespace)
        template = json.loads((WORKER / "base-job-template.json").read_text())
        properties = template["variables"]["properties"]
        properties["namespace"]["default"] = self.namespace
        properties["image"]["default"] = self.image
        pool = {"name": POOL, "type": "kubernetes", "base_job_template": template}
        self.call("POST", "/work_pools/", pool)
        self.cluster.apply(self.worker())
        return self

    def prerequisites(self) -> list[JsonObject]:
        secrets = {"slipway-runtime": self.values, "prefect-api": {"auth-string": AUTH}}
        made: list[JsonObject] = [
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name},
                "stringData": values,
            }
            for name, values in secrets.items()
        ]
        volume = f"state-{self.site.suffix}"
        size: JsonObject = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
        disk = {**size, "capacity": {"storage": "1Gi"}, "hostPath": {"path": str(self.state)}}
        claim = {**size, "volumeName": volume, "resources": {"requests": {"storage": "1Gi"}}}
        v1 = {"apiVersion": "v1"}
        return [
            *made,
            {**v1, "kind": "PersistentVolume", "metadata": {"name": volume}, "spec": disk},
            {
                **v1,
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "slipway-state"},
                "spec": claim,
            },
        ]

    def worker(self) -> JsonObject:
        """The shipped Deployment with this site's namespace, address and image."""
        text = (WORKER / "worker.yaml").read_text()
        made = yaml.safe_load(text.replace("value: slipway-dev", f"value: {self.namespace}"))
        made["metadata"]["namespace"] = self.namespace
        (container,) = made["spec"]["template"]["spec"]["containers"]
        container["image"] = self.image
        (address,) = [one for one in container["env"] if one["name"] == "PREFECT_API_URL"]
        address["value"] = self.reachable
        return dict(made)

    def run(self, entrypoint: str, **parameters: str) -> JsonObject:
        """A run of that flow through the pool, and the state in which it ended."""
        name = entrypoint.rpartition(".")[2]
        flow = self.call("POST", "/flows/", {"name": name})
        deployment = {
            "name": name,
            "flow_id": flow["id"],
            "entrypoint": entrypoint,
            "work_pool_name": POOL,
            "pull_steps": [],
            "enforce_parameter_schema": False,
        }
        made = self.call("POST", "/deployments/", deployment)
        body = {"parameters": parameters}
        run = self.call("POST", f"/deployments/{made['id']}/create_flow_run", body)
        state = {"type": "SCHEDULED"}
        self.await_(lambda: state.update(self.state_of(run["id"])) or state["type"] in ENDED)
        return {"run": run["id"], **state}

    def state_of(self, run: str) -> JsonObject:
        return dict(self.call("GET", f"/flow_runs/{run}")["state"])

    def await_(self, done: Callable[[], bool], seconds: float = 150) -> None:
        until = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < until, self.told()
            time.sleep(0.5)

    def told(self) -> str:
        """What the namespace says when something does not come."""
        pods = self.cluster.kubectl("get", "pods,jobs,events", namespace=self.namespace)
        logs = self.cluster.kubectl(
            "logs", "deployment/slipway-worker", "--tail=30", namespace=self.namespace
        )
        return f"{pods}\n{logs}"

    def log(self) -> str:
        """All that the worker said."""
        return self.cluster.kubectl(
            "logs", "deployment/slipway-worker", "--tail=-1", namespace=self.namespace
        )

    def jobs(self) -> list[JsonObject]:
        told = self.cluster.kubectl("get", "jobs", "--output=json", namespace=self.namespace)
        return list(json.loads(told)["items"])
