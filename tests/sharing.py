"""How the tests are shared among workers: what stays together, and what begins first.

A file stays together, since its tests share what is costly to start. Files that need the same
server stay together too, and of a file whose tests share nothing each test goes by itself. What
takes longest begins first, so that no worker is left with much at the end.
"""

from pathlib import PurePosixPath

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Files that one worker takes together, in this order; the longest first.
TOGETHER: dict[str, tuple[str, ...]] = {
    # One cluster for all, whose API server and registry some of them stop.
    "cluster": (
        *("test_kubernetes_worker", "test_kubernetes_fence", "test_kubernetes_failures"),
        *("test_kubernetes_release", "test_kubernetes_chart_installed", "test_kubernetes_policies"),
        *("test_kubernetes_manifest_release", "test_kubernetes_manifests"),
        *(
            "test_kubernetes_drift",
            "test_kubernetes_rights",
            "test_kubernetes_objects",
            "test_cluster",
        ),
    ),
    "deaths": (
        *("test_prefect_death", "test_prefect_outage", "test_prefect_reset", "test_prefect_drill"),
        "test_prefect_secrets",
    ),
    "commands": ("test_secret_commands", "test_prefect_release", "test_jenkinsfile"),
    "records": ("test_bad_input", "test_integrate", "test_prefect_gate", "test_prefect_ui"),
    "gateway": (
        *("test_gateway_edges", "test_gateway_clients", "test_gateway_routes", "test_gateway_ui"),
        *("test_gateway_websockets", "test_gateway_image", "test_gateway_integrate"),
    ),
    "flows": ("test_gate", "test_back", "test_release", "test_audit_secrets", "test_watch_drift"),
    "stores": ("test_secret_stores_prefect", "test_secret_stores", "test_secret_stores_aws"),
}
# Each of their tests has a world of its own.
APART = frozenset({"test_docker_failures", "test_docker_release"})
# Files that take minutes, by themselves or together, in the order in which they begin.
LONG = (
    *(
        *TOGETHER["cluster"],
        "test_kubernetes_gateway",
        "test_kubernetes_ways_back",
        "test_kubernetes_causes",
    ),
    *("test_kubernetes_states", "test_kubernetes_helm"),
    *("test_chaos_docker", *TOGETHER["deaths"], "test_canaries_jenkins"),
    *TOGETHER["commands"],
    *(*TOGETHER["records"], "test_canaries", "test_jenkins_agent", "test_docker_failures"),
    *(*TOGETHER["gateway"], "test_stack", "test_jenkinsfile_programs", "test_build"),
)
GROUPS = {file: group for group, files in TOGETHER.items() for file in files}
PLACES = {file: place for place, file in enumerate(LONG)}
UNIT_TESTS = "tests/unit/"


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def name_of(nodeid: str) -> str:
    """The name by which the tables know a test's file; empty for a unit test, which they do not."""
    file = file_of(nodeid)
    return "" if file.startswith(UNIT_TESTS) else PurePosixPath(file).stem


def unit_of_work(nodeid: str) -> str:
    """What a worker takes as a whole: tests with the same answer stay together, in order."""
    name = name_of(nodeid)
    return nodeid if name in APART else GROUPS.get(name, file_of(nodeid))


def place(nodeid: str, *, alone: bool = False) -> tuple[bool, bool, int]:
    """Sorts tests by when they begin: long ones, others, unit tests, and last what runs alone."""
    name = name_of(nodeid)
    return alone, not name, PLACES.get(name, len(LONG))


class Sharing(LoadScopeScheduling):
    """xdist's scheduling by scope, with our units of work in the order of the collection."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return unit_of_work(nodeid)
