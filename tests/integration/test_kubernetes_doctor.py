"""`slipway doctor` before the first release to a real cluster."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from blocks.platforms.kubernetes_rights import VERBS
from slipway.cli import environment, main
from slipway.cli.cluster_checks import NEWEST
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_schemas import VERSIONS
from tests.rig.kubernetes_tools import tool
from tests.rig.ports import free_port

pytestmark = pytest.mark.kubernetes

RULES = [
    {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
    for (group, resource), verbs in VERBS.items()
]


@pytest.fixture(autouse=True)
def no_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "stack_file", lambda: tmp_path / "no-stack.env")
    monkeypatch.setenv("SLIPWAY_STATE", str(tmp_path))


def doctor(kubeconfig: Path, *argv: str) -> tuple[int, dict[str, Any]]:
    """Exit code, and each line by its name."""
    done = CliRunner().invoke(
        main.app, ["doctor", "--json", *argv], env={"SLIPWAY_KUBECONFIG": str(kubeconfig)}
    )
    return done.exit_code, {line["name"]: line for line in json.loads(done.stdout)}


def test_a_deployer_who_may_all_that_a_release_uses_is_well(
    cluster: Cluster, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S1-06, S1-23: account, version, each permission, Helm; no Docker engine is needed there."""
    monkeypatch.setenv("SLIPWAY_HELM", str(tool("helm4")))
    monkeypatch.setenv("SLIPWAY_DOCKER_HOST", f"tcp://127.0.0.1:{free_port()}")
    kubeconfig = cluster.limited_kubeconfig(namespace, RULES, tmp_path)
    code, lines = doctor(kubeconfig, "--namespace", namespace, "--charts")
    told = ("cluster", "cluster version", f"namespace {namespace}", f"permissions {namespace}")
    assert [lines[name]["state"] for name in (*told, "helm")] == ["ok"] * 5, lines
    assert f"system:serviceaccount:{namespace}:limited-" in lines["cluster"]["found"]
    assert lines["docker engine"]["state"] == "absent"
    assert code == 0


def test_each_missing_permission_is_named(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    """G13: found by the API server's own review, before anything is released."""
    kept = [rule for rule in RULES if rule["resources"] != ["pods/portforward"]]
    kubeconfig = cluster.limited_kubeconfig(namespace, kept, tmp_path)
    code, lines = doctor(kubeconfig, "--namespace", namespace)
    line = lines[f"permissions {namespace}"]
    assert (code, line["state"]) == (8, "bad")
    assert "may not get pods/portforward, create pods/portforward" in line["found"]
    assert namespace in line["next_step"]


def test_a_namespace_that_may_not_be_seen_is_told(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    """S2-15: an account of one namespace, asked for another one."""
    kubeconfig = cluster.limited_kubeconfig(namespace, RULES, tmp_path)
    code, lines = doctor(kubeconfig, "--namespace", "elsewhere")
    assert (code, lines["namespace elsewhere"]["state"]) == (8, "bad")
    assert "Role in elsewhere" in lines["namespace elsewhere"]["next_step"]


def test_a_cluster_that_does_not_answer_is_one_line(cluster: Cluster, tmp_path: Path) -> None:
    """H1: what depends on it is not asked for."""
    view = cluster.kubectl("config", "view", "--minify", "--raw", "--output=json")
    document = json.loads(view)
    document["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{free_port()}"
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(document))
    code, lines = doctor(path, "--namespace", "any")
    assert (code, lines["cluster"]["state"]) == (8, "bad")
    assert "did not answer" in lines["cluster"]["found"]
    assert "cluster version" not in lines
    assert "permissions any" not in lines


def test_the_newest_version_is_the_newest_that_was_tried() -> None:
    """S1-64: as the schemas go, that our objects are held to."""
    assert ".".join(map(str, NEWEST)) == VERSIONS[-1].rpartition(".")[0]
