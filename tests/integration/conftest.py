"""Worlds on real engines."""

from collections.abc import Iterator

import pytest

from tests.integration.gateway_worlds import gateway
from tests.integration.kubernetes_worlds import cluster, namespace, own_cluster
from tests.integration.prefect_worlds import app, keys, prefect_rig, sign
from tests.integration.store_worlds import guarded_prefect, moto, vault
from tests.rig.docker_rig import Rig
from tests.rig.docker_world import World
from tests.rig.shells import shell

__all__ = [
    "app",
    "cluster",
    "gateway",
    "guarded_prefect",
    "keys",
    "moto",
    "namespace",
    "own_cluster",
    "prefect_rig",
    "shell",
    "sign",
    "vault",
]


@pytest.fixture(scope="session")
def rig() -> Iterator[Rig]:
    """A throwaway registry; one for all tests."""
    made = Rig()
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture(scope="session")
def testapp(rig: Rig) -> str:
    """The test app in the throwaway registry, by digest."""
    return rig.push_testapp("one")


@pytest.fixture
def world(rig: Rig, testapp: str) -> Iterator[World]:
    """A target of its own on the engine; removed after the test."""
    made = World(rig, testapp)
    try:
        yield made
    finally:
        made.close()
