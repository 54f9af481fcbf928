"""Worlds on a Kubernetes cluster."""

import os
from collections.abc import Iterator

import pytest

from slipway.cli.stack.images import ImageStore
from slipway.cli.stack.settings import default_cache
from tests.cluster.choice import choose
from tests.rig.docker_rig import Rig
from tests.rig.kubernetes_rig import Cluster, reach_existing, reach_own, remove_quietly


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The chosen cluster; the lane has brought it up."""
    chosen = choose(os.environ)
    if chosen.context:
        images = Rig(port=int(chosen.registry.rpartition(":")[2]))
        ImageStore(images.engine, default_cache()).ensure_image("python")
        made = reach_existing(chosen, images)
    else:
        images = request.getfixturevalue("rig")
        made = reach_own(chosen, images)
    try:
        yield made
    finally:
        made.close()
        if chosen.context:
            images.close()


@pytest.fixture
def own_cluster(cluster: Cluster) -> Cluster:
    """For what is done to no cluster but our own: stop its parts, read its etcd."""
    if not cluster.layout:
        pytest.skip(f"needs a cluster of the tests' own; {cluster.context} was chosen")
    return cluster


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own, whose pods can pull; it goes in the background."""
    name = cluster.new_namespace()
    try:
        yield name
    finally:
        remove_quietly(cluster, name)
