"""No secret gets out of a cluster's Secrets: a random value released, and a search of the rest."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from slipway.engine import Engine
from slipway.errors import ReleaseFailed
from slipway.execution import Tools
from slipway.journal import Observer, no_observer
from tests.rig.canaries import Canary, Hit, Place, Sweep, text_canary
from tests.rig.doomed import Site
from tests.rig.kubernetes_helm_world import HelmWorld
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_tools import tool
from tests.rig.kubernetes_world import KubernetesWorld

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(300)]
KEY = "voucher-key"
SECRETS = "/registry/secrets/"


@dataclass
class Planting(Site):
    """A target whose secret is a canary."""

    canary: Canary = field(default_factory=lambda: text_canary(KEY))

    def engine(self, observer: Observer = no_observer) -> Engine:
        def read(name: str, version: str) -> SecretStr:
            return SecretStr(self.canary.text)

        return Engine(Tools(self.world.platform, self.ledger, secrets=read, observer=observer))


@pytest.fixture(params=["generated", "chart"])
def site(
    request: pytest.FixtureRequest, own_cluster: Cluster, namespace: str, tmp_path: Path
) -> Planting:
    image = own_cluster.push("one")
    world = KubernetesWorld(own_cluster, namespace, image)
    if request.param == "chart":
        world = HelmWorld(own_cluster, namespace, image, helm=tool("helm4"), folder=tmp_path)
    return Planting(world, tmp_path)  # type: ignore[arg-type]


def places(site: Planting) -> Iterator[Place]:
    """All that the cluster keeps of the namespace or writes down, and the ledger."""
    cluster, namespace = site.world.cluster, site.world.namespace  # type: ignore[attr-defined]
    for key, value in cluster.etcd().items():
        yield f"etcd {key}", value
    secrets = cluster.kubectl("get", "secrets", "--output=json", namespace=namespace)
    for found in json.loads(secrets)["items"]:
        yield (
            f"metadata of Secret {found['metadata']['name']}",
            json.dumps(found["metadata"]).encode(),
        )
    for part in ("logs", "pod-logs", "processes", "state"):
        yield from files(part, cluster.own.folder / part)
    yield from files("ledger", site.folder)


def files(kind: str, folder: Path) -> Iterator[Place]:
    """Every file below the folder; a pod that ends meanwhile takes its own away."""
    for parent, _, found in os.walk(folder):
        for name in found:
            with suppress(OSError):
                yield f"{kind} {name}", (Path(parent) / name).read_bytes()


def test_a_secret_is_in_its_secret_alone(site: Planting, capfd: pytest.CaptureFixture[str]) -> None:
    """G8, G10: good, failed and restored; etcd, events, logs, Helm's records, ledger and output."""
    world = site.world
    for version, mode in (("one", "ok"), ("bad", "crash")):
        spec = world.spec(version, mode, secrets={KEY: f"v-{version}"}, bake_millis=100)
        if mode == "ok":
            site.deploy(spec)
        else:
            with pytest.raises(ReleaseFailed):
                site.deploy(spec)
    everything = [*places(site), ("output", "".join(capfd.readouterr()).encode())]
    kinds = {name.split()[0] for name, _ in everything}
    assert kinds >= {"etcd", "metadata", "logs", "pod-logs", "ledger", "output"}
    hits = Sweep((site.canary,)).hits(everything)
    assert {hit.place for hit in hits if in_secret(hit, site)} != set(), "the search is blind"
    assert [str(hit) for hit in hits if not in_secret(hit, site)] == []


def in_secret(hit: Hit, site: Planting) -> bool:
    """Whether it lies where it belongs: in a Secret that the release made."""
    own = f"etcd {SECRETS}{site.world.namespace}/shop-secrets-"  # type: ignore[attr-defined]
    return hit.place.startswith(own)
