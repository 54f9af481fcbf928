"""The chart of the FastAPI example on a real cluster, by the shipped account in its namespace."""

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from slipway.canonical import JsonObject
from tests.rig.kubernetes_files import CHART, DIGEST, run
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_site import Site
from tests.rig.kubernetes_tools import tool

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(300)]

SECRET = "vouchers-secrets-0123456789ab"
QUICK: JsonObject = {
    "secret": {"name": SECRET},
    "probes": {
        "liveness": {"path": "/health", "initialDelaySeconds": 1},
        "readiness": {"path": "/ready", "initialDelaySeconds": 0, "periodSeconds": 1},
    },
    "rollout": {"minReadySeconds": 1, "drainSeconds": 1, "terminationGracePeriodSeconds": 3},
}


@dataclass
class Shop:
    """A Helm of one version, as dev's deployer, in dev's namespace."""

    cluster: Cluster
    namespace: str
    kubeconfig: Path
    helm: Path
    image: str
    name: str

    def values(self, version: str, digest: str = "") -> str:
        repository, _, pushed = self.image.partition("@")
        image = {"repository": repository, "digest": digest or pushed}
        return json.dumps({**QUICK, "image": image, "config": {"values": {"VERSION": version}}})

    def tried(self, *argv: str | Path, given: str = "") -> tuple[bool, str]:
        way = ["--kubeconfig", self.kubeconfig, "--namespace", self.namespace]
        done = run(self.helm, *argv, *way, given=given)
        return done.returncode == 0, done.stdout + done.stderr

    def run(self, *argv: str | Path, given: str = "") -> str:
        done, said = self.tried(*argv, given=given)
        assert done, said
        return said

    def upgrade(self, values: str, timeout: str = "60s") -> tuple[bool, str]:
        act = ["upgrade", "--install", self.name, CHART, "--values", "-", "--wait"]
        return self.tried(*act, "--timeout", timeout, given=values)

    def comes_to_serve(self, version: str, seconds: float = 30) -> bool:
        """A pod that is told to end may be the one that is asked, until it is gone."""
        until = time.monotonic() + seconds
        while self.serves() != version:
            if time.monotonic() > until:
                return False
            time.sleep(0.5)
        return True

    def serves(self) -> str:
        service = f"service/{self.name}-vouchers"
        with self.cluster.port_forward(self.namespace, service, 80) as port:
            return httpx.get(f"http://127.0.0.1:{port}/version", timeout=10).text

    def configs(self) -> list[str]:
        label = f"--selector=app.kubernetes.io/instance={self.name}"
        arguments = ["get", "configmaps", label, "--output=name"]
        return self.cluster.kubectl(*arguments, namespace=self.namespace).split()


@pytest.fixture(scope="module")
def site(cluster: Cluster) -> Iterator[Site]:
    made = Site(cluster, cluster.registry)
    try:
        yield made.up()
    finally:
        made.down()


@pytest.fixture
def shop(
    request: pytest.FixtureRequest, site: Site, cluster: Cluster, tmp_path: Path
) -> Iterator[Shop]:
    runner = site.namespace("runner dev")
    kubeconfig = cluster.account_kubeconfig(runner, "slipway-deployer", tmp_path)
    made = Shop(
        cluster,
        site.namespace("app dev"),
        kubeconfig,
        tool(request.param),
        cluster.push("one"),
        f"web-{uuid.uuid4().hex[:6]}",
    )
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET, "namespace": made.namespace},
        "immutable": True,
        "stringData": {"voucher-key": "v" * 32},
    }
    cluster.apply(secret)
    yield made
    made.run("uninstall", made.name, "--wait")


@pytest.mark.parametrize("shop", ["helm3", "helm4"], indirect=True)
def test_installed_tested_upgraded_and_rolled_back(shop: Shop) -> None:
    """S1-24, S1-27, S3-19, N12, G13: history works for people, config comes back with the image."""
    done, said = shop.upgrade(shop.values("one"))
    assert done, said
    assert shop.serves() == "one"
    assert "Succeeded" in shop.run("test", shop.name)
    done, said = shop.upgrade(shop.values("two"))
    assert done, said
    assert shop.comes_to_serve("two")
    assert len(shop.configs()) == 2
    shop.run("rollback", shop.name, "1", "--wait")
    assert shop.comes_to_serve("one")
    history = json.loads(shop.run("history", shop.name, "--output", "json"))
    assert [entry["status"] for entry in history] == ["superseded", "superseded", "deployed"]


@pytest.mark.parametrize("shop", ["helm3", "helm4"], indirect=True)
def test_the_old_pods_serve_while_a_new_image_cannot_be_had(shop: Shop) -> None:
    """S1-32, C2: one more pod at a time, none fewer; the release says failed."""
    done, said = shop.upgrade(shop.values("one"))
    assert done, said
    done, _ = shop.upgrade(shop.values("two", DIGEST), timeout="10s")
    assert not done
    assert shop.serves() == "one"
    history = json.loads(shop.run("history", shop.name, "--output", "json"))
    assert [entry["status"] for entry in history][-1] == "failed"
    shop.run("rollback", shop.name, "1", "--wait")
    assert shop.comes_to_serve("one")
