"""Manifests and charts as a candidate carries them, before Kubernetes and Helm themselves."""

import json
from pathlib import Path

import pytest

from slipway import charts
from slipway.candidate_spec import release_spec
from slipway.canonical import JsonObject
from slipway.manifests import unpack
from slipway.release import KubernetesSpec, ReleaseSpec
from tests.rig.kubernetes_files import CHART, LEAST, problems, run
from tests.rig.kubernetes_manifests import example_candidate, rendered
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_schemas import VERSIONS, make_schemas
from tests.rig.kubernetes_tools import tool

pytestmark = pytest.mark.kubernetes


def specification(environment: str) -> ReleaseSpec:
    return release_spec(example_candidate(), environment, {"voucher-key": "3"})


def objects(spec: ReleaseSpec) -> list[JsonObject]:
    candidate = example_candidate()
    found = rendered(unpack(candidate.bundle(spec.target.environment) or b""), spec)
    return [*found.objects, *(hook.job for hook in (*found.before, *found.after))]


@pytest.mark.parametrize("version", [one for one in VERSIONS if one != "1.28.0"])
@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_rendered_manifests_fit_every_kubernetes_version(environment: str, version: str) -> None:
    """S1-11: by the published schemas. 1.28 has no `sleep` to drain by; 1.30 has."""
    made = objects(specification(environment))
    assert len(made) == 6
    assert problems(tool("kubeconform"), make_schemas(), version, made) == []


@pytest.fixture
def restricted(cluster: Cluster, namespace: str) -> str:
    """A namespace that enforces Pod Security `restricted`."""
    level = "pod-security.kubernetes.io/enforce=restricted"
    cluster.kubectl("label", "namespace", namespace, level)
    return namespace


def dry_run(cluster: Cluster, made: list[JsonObject], namespace: str) -> str:
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
    how = ("--server-side", "--dry-run=server", "--field-manager=slipway", "--warnings-as-errors")
    return cluster.kubectl("apply", *how, "--filename=-", namespace=namespace, given=given)


def test_a_cluster_takes_rendered_manifests_without_a_warning(
    cluster: Cluster, restricted: str
) -> None:
    """H6, N08: all of them at once, by server-side dry-run, under Pod Security `restricted`."""
    place = KubernetesSpec(namespace=restricted, service_account="vouchers")
    spec = specification("dev").model_copy(update={"kubernetes": place})
    told = dry_run(cluster, objects(spec), restricted).splitlines()
    assert len(told) == 6
    assert all(line.endswith("serverside-applied (server dry run)") for line in told), told


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_helm_takes_the_chart_as_it_was_carried(tmp_path: Path, helm: str) -> None:
    """S1-14, S1-15: what the layer renders is what the folder renders."""
    files = {
        path.relative_to(CHART).as_posix(): path.read_bytes()
        for path in CHART.rglob("*")
        if path.is_file()
    }
    carried = tmp_path / "chart.tgz"
    carried.write_bytes(charts.pack("chart", files))
    argv = ("template", "vouchers", "--kube-version", "1.36.0", "--values", "-")
    layer, folder = (
        run(tool(helm), *argv, chart, given=json.dumps(LEAST)) for chart in (carried, CHART)
    )
    assert (layer.returncode, layer.stdout) == (0, folder.stdout), layer.stderr
    assert "kind: Deployment" in layer.stdout
