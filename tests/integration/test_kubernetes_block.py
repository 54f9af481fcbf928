"""A platform that operators saved on a Prefect server carries out releases on a real cluster."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prefect_kubernetes.credentials import KubernetesClusterConfig, KubernetesCredentials
from pydantic import SecretStr

from blocks.compose import Door, Installation
from blocks.platforms.kubernetes_block import KubernetesCluster
from slipway.engine import Engine
from slipway.errors import BadInput
from slipway.execution import Result
from slipway.history import Outcome
from slipway.release import ReleaseSpec, Target
from slipway.settings import RuntimeSettings
from tests.rig import doomed
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_world import KubernetesWorld
from tests.rig.prefect_api import AUTH, PrefectApi

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(300)]


@pytest.fixture
def saved(cluster: Cluster, guarded_prefect: PrefectApi) -> Iterator[str]:
    """The block's name as app files have it: the cluster, and the registry's login."""
    view = cluster.kubectl("config", "view", "--minify", "--raw", "--output=json")
    config = KubernetesClusterConfig(config=json.loads(view), context_name=cluster.context)
    name = f"t-{uuid.uuid4().hex[:8]}"
    block = KubernetesCluster(
        credentials=KubernetesCredentials(cluster_config=config),
        registry=cluster.registry,
        registry_username=cluster.credentials["username"],
        registry_password=SecretStr(cluster.credentials["password"]),
    )
    with guarded_prefect.used():
        block.save(name, _sync=True)  # type: ignore[call-arg]
        yield f"slipway-kubernetes-platform/{name}"


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """With a ledger of its own, and no kubeconfig."""
    return Installation(RuntimeSettings(state=tmp_path, kubeconfig=tmp_path / "none"))


@pytest.fixture
def world(own_cluster: Cluster, namespace: str) -> KubernetesWorld:
    return KubernetesWorld(own_cluster, namespace, own_cluster.push("one"))


def released(installation: Installation, spec: ReleaseSpec) -> Result:
    assert spec.kubernetes
    place = spec.kubernetes.namespace
    tools = installation.tools(spec.target, spec.platform, Door(), place)
    return asyncio.run(Engine(tools).deploy(doomed.order(spec)))


def test_a_saved_block_releases_and_goes_back(
    saved: str, installation: Installation, world: KubernetesWorld
) -> None:
    """S1-23, S3-02: its kubeconfig reaches the cluster, its login the registry."""
    one, two = (
        world.spec(version).model_copy(update={"platform": saved}) for version in ("one", "two")
    )
    assert released(installation, one).outcome is Outcome.RELEASED
    assert world.get() == "200 one"
    assert released(installation, two).outcome is Outcome.RELEASED
    assert world.get() == "200 two"
    back = asyncio.run(installation.engine(world.target).rollback("olga", "slower"))
    assert (back.outcome, world.get()) == (Outcome.ROLLED_BACK, "200 one")


def test_the_ledger_and_the_server_show_no_password(
    saved: str, installation: Installation, world: KubernetesWorld, guarded_prefect: PrefectApi
) -> None:
    """G10: a record names the block; the server tells its password to nobody who does not ask."""
    spec = world.spec().model_copy(update={"platform": saved})
    released(installation, spec)
    password = world.cluster.credentials["password"]
    shown = httpx.post(
        f"{guarded_prefect.url}/block_documents/filter", json={}, auth=tuple(AUTH.split(":"))
    )
    records = [record.body for record in installation.ledger(world.target).records()]
    assert saved.partition("/")[2] in shown.text
    assert saved in json.dumps(records)
    assert password not in shown.text + json.dumps(records)


def test_a_block_that_is_not_there_is_told(
    installation: Installation, guarded_prefect: PrefectApi
) -> None:
    with guarded_prefect.used(), pytest.raises(BadInput, match="platform is not known"):
        installation.tools(
            Target(app="shop", environment="dev"), "slipway-kubernetes-platform/nobody", Door()
        )
