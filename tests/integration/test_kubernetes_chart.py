"""The chart of the FastAPI example: linted, rendered, refused, scanned, and installed for real."""

from pathlib import Path

import pytest
import yaml

from slipway.canonical import JsonObject
from slipway.cli.stack.settings import default_cache
from slipway.cli.stack.trivy import VERSION as TRIVY
from slipway.cli.stack.trivy import find_trivy, install_trivy
from tests.rig.kubernetes_files import (
    CHART,
    DIGEST,
    LEAST,
    ROOT,
    images_of,
    misconfigurations,
    problems,
    run,
    template,
)
from tests.rig.kubernetes_schemas import VERSIONS, make_schemas
from tests.rig.kubernetes_tools import tool

pytestmark = pytest.mark.kubernetes

HELMS = ("helm3", "helm4")
VALUES = sorted((CHART / "ci").glob("*.yaml"))
REFUSED = yaml.safe_load((ROOT / "tests" / "cases" / "kubernetes_chart.yaml").read_text())
each_helm = pytest.mark.parametrize("helm", HELMS)
each_values = pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)


def rendered(values: Path | JsonObject, *more: str, kube: str = "1.36.0") -> list[JsonObject]:
    given = yaml.safe_load(values.read_text()) if isinstance(values, Path) else values
    made = template(tool("helm3"), given, *more, kube=kube)
    assert made.documents, made.refused
    return made.documents


def one(documents: list[JsonObject], kind: str) -> JsonObject:
    (found,) = [document for document in documents if document["kind"] == kind]
    return found


def pod_of(documents: list[JsonObject]) -> JsonObject:
    return dict(one(documents, "Deployment")["spec"]["template"])


@each_helm
@each_values
def test_lints_strictly(helm: str, values: Path) -> None:
    """S1-14: both Helm versions."""
    done = run(tool(helm), "lint", "--strict", CHART, "--values", values)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("version", VERSIONS)
@each_values
def test_fits_every_kubernetes_version(values: Path, version: str) -> None:
    """S1-11, S1-14: by the published schemas; KEDA's by its own definition."""
    documents = rendered(values, kube=version)
    schemas = make_schemas()
    assert problems(tool("kubeconform"), schemas, version, documents) == []


def test_a_field_that_no_version_knows_is_found() -> None:
    """So that the check before can fail."""
    documents = rendered(LEAST)
    one(documents, "Deployment")["spec"]["replica"] = 2
    schemas = make_schemas()
    (found,) = problems(tool("kubeconform"), schemas, VERSIONS[-1], documents)
    assert "replica" in found


@each_values
def test_trivy_finds_no_misconfiguration(values: Path, tmp_path: Path) -> None:
    """S3-06, S3-08: by the checks built into the scanner, since no newer ones may be reachable."""
    trivy = find_trivy() or install_trivy(default_cache() / "trivy" / TRIVY, print)
    ignored, made = CHART / ".trivyignore.yaml", tmp_path / "rendered"
    (made / "templates").mkdir(parents=True)
    for document in rendered(values):
        path = made / "templates" / f"{document['kind'].lower()}.yaml"
        path.write_text(yaml.safe_dump(document))
    for target, more in ((CHART, ["--helm-values", str(values)]), (made, [])):
        assert misconfigurations(trivy, tmp_path / "cache", target, ignored, *more) == []


@each_helm
@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["name"])
def test_refuses_bad_values_by_path(helm: str, case: dict[str, str]) -> None:
    """S2-02, S2-42: a tag never gets in; whatever is wrong is named."""
    made = template(tool(helm), LEAST, "--set", case["set"])
    assert not made.documents
    assert case["names"] in made.refused


@each_values
def test_names_images_by_digest_alone(values: Path) -> None:
    """S2-02, G8: also in the test that Helm runs."""
    found = images_of(rendered(values))
    assert found
    assert not [image for image in found if not image.rpartition("@")[2].startswith("sha256:")]
    assert not [image for image in found if ":" in image.partition("@")[0].rpartition("/")[2]]


def test_keeps_what_the_sources_ask() -> None:
    """S1-32, S1-37, S1-43, S1-53: rollout, probes, autoscaler, disruption budget."""
    documents = rendered(LEAST)
    deployment = one(documents, "Deployment")["spec"]
    (container,) = deployment["template"]["spec"]["containers"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert "replicas" not in deployment, "the autoscaler's are not overwritten"
    alive, ready = container["livenessProbe"], container["readinessProbe"]
    assert (alive["httpGet"]["path"], ready["httpGet"]["path"]) == ("/health", "/ready")
    assert (alive["initialDelaySeconds"], alive["periodSeconds"]) == (30, 10)
    assert (ready["initialDelaySeconds"], ready["periodSeconds"]) == (10, 5)
    scaler = one(documents, "HorizontalPodAutoscaler")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 10)
    assert scaler["metrics"][0]["resource"]["target"]["averageUtilization"] == 80
    assert one(documents, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_one_autoscaler_or_none() -> None:
    """S3-04: KEDA's in place of Kubernetes' own, or a number of replicas."""
    kinds = {
        "keda": [document["kind"] for document in rendered(CHART / "ci/everything-values.yaml")],
        "none": [
            document["kind"] for document in rendered(LEAST, "--set", "autoscaling.enabled=false")
        ],
    }
    assert "ScaledObject" in kinds["keda"]
    assert not {"HorizontalPodAutoscaler", "ScaledObject"} & set(kinds["none"])
    assert "HorizontalPodAutoscaler" not in kinds["keda"]
    fixed = rendered(LEAST, "--set", "autoscaling.enabled=false", "--set", "replicas=3")
    assert one(fixed, "Deployment")["spec"]["replicas"] == 3


def test_config_is_named_by_its_content() -> None:
    """N12: another value is another immutable object; the release before keeps its own."""
    euro = one(rendered(LEAST), "ConfigMap")
    dollar = one(rendered(LEAST, "--set", "config.values.VOUCHERS_CURRENCY=USD"), "ConfigMap")
    assert euro["immutable"] is True
    assert euro["metadata"]["name"] != dollar["metadata"]["name"]
    assert euro["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    (source,) = pod_of(rendered(LEAST))["spec"]["containers"][0]["envFrom"]
    assert source["configMapRef"]["name"] == euro["metadata"]["name"]


def test_another_candidate_of_the_same_content_restarts_nothing() -> None:
    """E7: what changes with every release stays off the pod template."""
    one_candidate = {**LEAST, "release": {"candidate": f"registry.example.org/a@{DIGEST}"}}
    assert pod_of(rendered(one_candidate)) == pod_of(rendered(LEAST))


def test_drains_with_what_the_version_offers() -> None:
    """S1-11: the built-in sleep is younger than the oldest version that the chart takes."""
    hooks = [
        pod_of(rendered(LEAST, kube=version))["spec"]["containers"][0]["lifecycle"]["preStop"]
        for version in ("1.28.0", "1.30.0")
    ]
    assert [list(hook) for hook in hooks] == [["exec"], ["sleep"]]
