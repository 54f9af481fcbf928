"""A worker in the cluster starts flows as Jobs, which read their runtime secrets themselves."""

import base64
import hashlib
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
import yaml
from prefect.blocks.system import Secret

from slipway.canonical import JsonObject
from slipway.cli.stack.images import push_image
from tests.cluster import registries
from tests.rig.docker_rig import CREDENTIALS
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_site import Site
from tests.rig.prefect_api import AUTH, PrefectApi, prefect_api
from tests.rig.worker_image import WORKER, build_worker

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(600)]

FLOW = Path(__file__).parents[1] / "rig" / "reads_runtime.py"
POOL = "slipway-dev"
USER = 65532
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@pytest.fixture(scope="module")
def image(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The worker's image with the test's flow in it, in the registry, by digest."""
    engine = cluster.images.engine
    tag = f"slipway-test-worker:{uuid.uuid4().hex[:8]}"
    build_worker(engine, tmp_path_factory.mktemp("worker"), tag)
    folder = tmp_path_factory.mktemp("flow")
    (folder / FLOW.name).write_bytes(FLOW.read_bytes())
    (folder / "Dockerfile").write_text(f"FROM {tag}\nCOPY {FLOW.name} /opt/slipway/\n")
    with_flow = f"{tag}-flow"
    engine.images.build(path=str(folder), tag=with_flow, rm=True)
    try:
        yield push_image(engine, with_flow, f"{cluster.registry}/worker:test", CREDENTIALS)
    finally:
        for name in (f"{cluster.registry}/worker:test", with_flow, tag):
            engine.images.remove(name, force=True)


@pytest.fixture(scope="module")
def site(cluster: Cluster) -> Iterator[Site]:
    if not cluster.layout:
        pytest.skip("pods have to reach a Prefect server on this machine, as our own cluster's do")
    made = Site(cluster, cluster.registry)
    try:
        yield made.up()
    finally:
        made.down()


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

    def jobs(self) -> list[JsonObject]:
        told = self.cluster.kubectl("get", "jobs", "--output=json", namespace=self.namespace)
        return list(json.loads(told)["items"])


@pytest.fixture(scope="module")
def runner(site: Site, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    folder = tmp_path_factory.mktemp("prefect")
    state = folder / "state"
    state.mkdir()
    os.chown(state, USER, USER)
    for parent in (state, *list(state.parents)[:3]):
        parent.chmod(0o755)
    values = {"database-url": f"postgres://{uuid.uuid4().hex}"}
    with prefect_api(folder) as api:
        port = int(api.url.split(":")[2].split("/")[0])
        registries.connect(site.cluster.own, port)
        try:
            made = Runner(site, api, image, state, values)
            yield made.make()
        finally:
            registries.disconnect(site.cluster.own, port)
            site.cluster.kubectl(
                "delete", "persistentvolume", f"state-{site.suffix}", "--wait=false"
            )


def digest_of(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


async def test_a_flow_runs_as_a_job_and_reads_its_runtime_secrets_there(runner: Runner) -> None:
    """S0-06, S0-08, S0-10, S0-14: a block of the server and a Secret of the namespace."""
    value = f"postgres://{uuid.uuid4().hex}"
    with runner.api.used():
        await Secret(value=value).save("database-url")
    mounted = runner.values["database-url"]
    ended = runner.run(
        "reads_runtime.reads_runtime",
        block="database-url",
        block_digest=digest_of(value),
        key="database-url",
        key_digest=digest_of(mounted),
    )
    assert ended["type"] == "COMPLETED", f"{ended}\n{runner.told()}"
    assert (runner.state / "was-here").read_text() == "yes"
    (job,) = [
        j
        for j in runner.jobs()
        if j["metadata"]["labels"].get("prefect.io/flow-run-id") == ended["run"]
    ]
    assert job["spec"]["template"]["spec"]["serviceAccountName"] == "slipway-deployer"
    shown = json.dumps(runner.jobs()) + runner.cluster.kubectl(
        "get", "pods,deployments,events,configmaps", "--output=json", namespace=runner.namespace
    )
    for secret in (value, mounted, AUTH, AUTH.partition(":")[2]):
        assert secret not in shown
        assert base64.b64encode(secret.encode()).decode() not in shown


def test_a_shipped_flow_runs_from_the_image(runner: Runner) -> None:
    """S0-06: with a read-only root, as nobody, with nothing on record yet."""
    ended = runner.run("flows.audit_secrets.audit_secrets")
    assert ended["type"] == "COMPLETED", f"{ended}\n{runner.told()}"


def test_the_image_holds_no_tool_to_install_more(image: str) -> None:
    """G12: no package manager; Prefect and Slipway answer without any network."""
    engine = docker.from_env()
    hardened = {"network_mode": "none", "read_only": True, "cap_drop": ["ALL"], "remove": True}
    try:
        for command in ("prefect version", "slipway --help"):
            argv = command.split()
            said = engine.containers.run(image, argv, tmpfs={"/tmp": "mode=1777"}, **hardened)
            assert said
        config = engine.images.get(image).attrs["Config"]
        assert config["User"] == f"{USER}:{USER}"
        assert not [entry for entry in config["Env"] if "PASSWORD" in entry or "AUTH" in entry]
    finally:
        engine.close()


def test_the_template_runs_nothing_by_tag_or_as_root() -> None:
    """S3-08: what the work pool's form offers."""
    template = json.loads((WORKER / "base-job-template.json").read_text())
    image = template["variables"]["properties"]["image"]
    assert image["pattern"] == "^[^@]+@sha256:[0-9a-f]{64}$"
    assert template["variables"]["required"] == ["image"]
    pod = template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
