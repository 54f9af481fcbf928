"""How old a cluster may be, which depends on what a release sends it (S1-11)."""

from dataclasses import dataclass
from typing import cast

import pytest

from blocks.platforms.kubernetes_api import Cluster
from blocks.platforms.kubernetes_prove import every_object
from blocks.platforms.kubernetes_versions import parsed, sleepers, version_fact
from slipway.canonical import JsonObject
from slipway.errors import Refused
from tests.unit.blocks.platforms.kubernetes_releases import release

GENERATED = every_object(release(), "")
OWN_STOP: JsonObject = {
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {"containers": [{"lifecycle": {"preStop": {"exec": {"command": ["drain"]}}}}]},
}


@dataclass
class Server:
    """Says what version it is."""

    version: str

    def get(self, path: str) -> JsonObject:
        assert path == "/version"
        major, minor, _ = self.version.split(".")
        return {"major": major, "minor": minor, "gitVersion": f"v{self.version}"}


def told(version: str, objects: list[JsonObject]) -> str:
    try:
        return version_fact(cast(Cluster, Server(version)), objects)
    except Refused as error:
        return str(error)


@pytest.mark.parametrize(
    ("version", "objects", "says"),
    [
        ("1.27.9", [], "allowed: Kubernetes 1.28 or newer"),
        ("1.28.5", [], "the cluster answers: Kubernetes v1.28.5"),
        ("1.28.5", [OWN_STOP], "the cluster answers: Kubernetes v1.28.5"),
        ("1.29.1", GENERATED, "too old for Deployment web; found: v1.29.1, which has no preStop"),
        ("1.30+.0", GENERATED, "the cluster answers: Kubernetes v1.30+.0"),
    ],
)
def test_what_a_cluster_is_too_old_for(version: str, objects: list[JsonObject], says: str) -> None:
    assert says in told(version, objects)


def test_pods_that_sleep_before_they_end_are_found() -> None:
    assert list(sleepers([*GENERATED, OWN_STOP])) == ["Deployment web"]
    assert parsed({"major": "1", "minor": "31+"}) == (1, 31)
