"""A worker in the cluster starts flows as Jobs, which read their runtime secrets themselves."""

import base64
import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
import pytest
from prefect.blocks.system import Secret

from blocks.builders.inputs import BuiltImage
from flows.scan import scan
from slipway.cli.stack.images import push_image
from slipway.names import Reference
from slipway.scan import judge
from slipway.scan_policy import ScanPolicy
from tests.cluster import registries
from tests.rig.build_world import BuildWorld
from tests.rig.docker_rig import CREDENTIALS
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_runner import Runner
from tests.rig.kubernetes_site import Site
from tests.rig.kubernetes_tools import tool
from tests.rig.prefect_api import AUTH, prefect_api
from tests.rig.worker_image import WORKER, build_worker

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(600)]

FLOW = Path(__file__).parents[1] / "rig" / "reads_runtime.py"
USER = 65532
HARDENED: dict[str, Any] = {
    "network_mode": "none",
    "read_only": True,
    "cap_drop": ["ALL"],
    "remove": True,
}


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


def test_a_shipped_flow_runs_and_the_worker_is_forbidden_nothing(runner: Runner) -> None:
    """S0-06, G13: a read-only root, nobody's account; the shipped Role holds all it asks for."""
    ended = runner.run("flows.audit_secrets.audit_secrets")
    assert ended["type"] == "COMPLETED", f"{ended}\n{runner.told()}"
    log = runner.log()
    assert ended["run"] in log
    refused = re.compile(r"forbidden|unauthorized|cannot (get|list|watch)", re.IGNORECASE)
    assert [line for line in log.splitlines() if refused.search(line)] == []


async def test_our_own_scan_lets_the_image_pass(
    runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S1-21, G12: the scan flow as for any image, straight from the registry; default policy."""
    agent = BuildWorld(runner.cluster.images, tmp_path)
    for name, value in agent.variables.items():
        monkeypatch.setenv(name, value)
    reference = Reference(*runner.image.split("@"))
    engine = runner.cluster.images.engine
    image = BuiltImage(
        name="worker",
        path=reference.path,
        key_tag="test",
        image_id=str(engine.images.get(runner.image).id),
        digest=reference.digest,
    )
    with runner.api.used():
        scanned = (await scan("slipway", [image]))["worker"]
    assert {"prefect", "kubernetes", "openssh-client"} <= {
        part["name"] for part in scanned.sbom["components"]
    }
    report = scanned.findings.report("worker", reference, scanned.database)
    assert judge(report, ScanPolicy(), datetime.now(UTC).date()).reasons == ()


def test_the_image_holds_no_tool_to_install_more(image: str) -> None:
    """G12: no package manager; Prefect and Slipway answer without any network."""
    engine = docker.from_env()
    try:
        for command in ("prefect version", "slipway --help"):
            argv = command.split()
            said = engine.containers.run(image, argv, tmpfs={"/tmp": "mode=1777"}, **HARDENED)
            assert said
        config = engine.images.get(image).attrs["Config"]
        assert config["User"] == f"{USER}:{USER}"
        assert not [entry for entry in config["Env"] if "PASSWORD" in entry or "AUTH" in entry]
    finally:
        engine.close()


def test_helm_is_one_layer_more(image: str, tmp_path: Path) -> None:
    """S1-14: the shipped image has none, as few apps have charts; where one has, it is added."""
    engine = docker.from_env()
    shutil.copy(tool("helm4"), tmp_path / "helm")
    lines = (f"FROM {image}", "COPY --chown=0:0 helm /opt/slipway/bin/helm")
    (tmp_path / "Dockerfile").write_text("\n".join(lines))
    asked = ["python3", "-c", "import shutil; print(shutil.which('helm'))"]
    with_helm = str(engine.images.build(path=str(tmp_path), rm=True)[0].id)
    try:
        assert engine.containers.run(image, asked, **HARDENED).strip() == b"None"
        said = engine.containers.run(with_helm, ["helm", "version", "--short"], **HARDENED)
        assert said.startswith(b"v4.")
    finally:
        engine.images.remove(with_helm, force=True)
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
