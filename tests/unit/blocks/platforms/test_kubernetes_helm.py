"""Helm's arguments, answers and storage, and what a chart's manifest must hold (S3-19, S1-63)."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client import Configuration

from blocks.platforms import kubernetes_helm_argv as argv_of
from blocks.platforms import kubernetes_helm_objects as objects
from blocks.platforms import kubernetes_helm_place as places
from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes import KubernetesPlatform
from blocks.platforms.kubernetes_helm_argv import Act
from blocks.platforms.kubernetes_helm_store import Revision, decoded, encoded, failed, identity
from slipway.bundles import InstallsCharts
from slipway.canonical import JsonObject
from slipway.errors import BadInput, Cause, StepFailed, Unreachable
from slipway.release import KubernetesSpec, ReleaseSpec
from tests.unit.blocks.platforms.kubernetes_releases import IMAGE, release, service

CHART = f"sha256:{'c' * 64}"
PLACE = KubernetesSpec(namespace="shop-live", service_account="shopper", chart=CHART)
OTHER = f"registry.example.com/cache@sha256:{'e' * 64}"


def charted(**changed: Any) -> ReleaseSpec:
    return release(service(config={}), kubernetes=PLACE, **changed)


# Arguments


def test_the_whole_command_without_a_secret_or_a_value() -> None:
    """S1-63, G10: values come on stdin, credentials by the private kubeconfig."""
    spec = charted()
    candidate = f"127.0.0.1:5055/shop@sha256:{'d' * 64}"
    assert argv_of.upgrade(spec, Act(3, 7, candidate, take_over=True)) == [
        "upgrade",
        "--install",
        "--values=-",
        "--namespace=shop-live",
        "--reset-values",
        "--take-ownership",
        "--history-max=10",
        "--output=json",
        "--timeout=90s",
        f"--labels=slipway.dev/chart={'c' * 12},slipway.dev/claim=7,slipway.dev/release={spec.id}",
        f"--description=slipway release {spec.id} of {'d' * 12}",
        "--",
        "shop",
        "chart.tgz",
    ]


ACTS = {
    "Helm 3": (Act(3), []),
    "Helm 3 on a way back": (Act(3, take_over=True), []),
    "Helm 4": (Act(4), ["--server-side=true"]),
    "Helm 4 on a way back": (Act(4, take_over=True), ["--server-side=true", "--force-conflicts"]),
    "a dry run": (Act(3, is_dry=True), ["--dry-run=server", "--hide-secret"]),
}


@pytest.mark.parametrize("name", ACTS)
def test_what_differs_by_version_and_purpose(name: str) -> None:
    act, wanted = ACTS[name]
    argv = argv_of.upgrade(charted(), act)
    assert argv[11:-3] == wanted
    assert not {"--atomic", "--wait", "--rollback-on-failure", "--create-namespace"} & {*argv}


@pytest.mark.parametrize(("text", "found"), [("v3.17", (3, 17)), ("v4.3.1", (4, 3))])
def test_a_version_is_read(text: str, found: tuple[int, int]) -> None:
    assert argv_of.version(f"{text}\n") == found


@pytest.mark.parametrize("text", ["v3.16.4", "v2.17.0", "", "helm"])
def test_an_older_helm_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="Helm is too old"):
        argv_of.version(text)


def test_helm_sees_no_credential_and_no_home_of_ours() -> None:
    given = {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "canary", "HOME": "/root", "HELM_X": "y"}
    made = argv_of.environment({**given, "KUBECONFIG": "/root/.kube/config"}, Path("/p"))
    assert made == {
        "PATH": "/bin",
        "HOME": "/p",
        "TMPDIR": "/p",
        "KUBECONFIG": "/p/kubeconfig",
        "HELM_CACHE_HOME": "/p/cache",
        "HELM_CONFIG_HOME": "/p/config",
        "HELM_DATA_HOME": "/p/data",
        "HELM_DRIVER": "secret",
    }


def test_the_kubeconfig_holds_what_the_client_uses(tmp_path: Path) -> None:
    made = Configuration()
    made.host = "https://cluster.example.com"
    for name in ("ssl_ca_cert", "cert_file", "key_file"):
        (tmp_path / name).write_text(name)
        setattr(made, name, str(tmp_path / name))
    made.api_key = {"authorization": "Bearer canary"}
    document = argv_of.kubeconfig(made)
    (cluster,), (user,) = document["clusters"], document["users"]
    authority = base64.b64encode(b"ssl_ca_cert").decode()
    assert cluster["cluster"] == {"server": made.host, "certificate-authority-data": authority}
    assert user["user"] == {
        "client-certificate-data": base64.b64encode(b"cert_file").decode(),
        "client-key-data": base64.b64encode(b"key_file").decode(),
        "token": "canary",
    }


FAILURES = {
    "Error: values don't meet the specifications of the schema(s) in the following chart(s):\n"
    "shop:\n- at '/replicas': got string, want integer": (BadInput, Cause.INPUT),
    "Error: template: shop/templates/a.yaml:1:3: parse error": (BadInput, Cause.INPUT),
    "Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress": (
        StepFailed,
        Cause.CONFLICT,
    ),
    'Error: UPGRADE FAILED: conflict occurred while applying object a/b: conflict with "kubectl"': (
        StepFailed,
        Cause.CONFLICT,
    ),
    'Error: pods "x" is forbidden: exceeded quota: q': (StepFailed, Cause.QUOTA),
    'Error: secrets is forbidden: User "u" cannot list': (StepFailed, Cause.PERMISSION),
    "Error: admission webhook denied the request": (StepFailed, Cause.POLICY),
    "Error: Kubernetes cluster unreachable: dial tcp: refused": (Unreachable, Cause.NETWORK),
    "Error: pre-upgrade hooks failed: 1 error occurred: job failed": (
        StepFailed,
        Cause.VERIFICATION,
    ),
    "": (StepFailed, Cause.VERIFICATION),
}


@pytest.mark.parametrize("said", FAILURES)
def test_a_failure_is_told_by_its_cause(said: str) -> None:
    """S1-30: Helm's words, one of our errors."""
    kind, cause = FAILURES[said]
    error = argv_of.failure("chart of release x", said)
    assert (type(error), error.cause) == (kind, cause)


# Storage


def revision(number: int, description: str, status: str = "superseded") -> Revision:
    labels = {"version": str(number), "status": status, "owner": "helm", "name": "shop"}
    body = {"name": "shop", "info": {"status": status, "description": description}}
    metadata = {"name": f"sh.helm.release.v1.shop.v{number}", "resourceVersion": "7"}
    return Revision(
        {"metadata": {**metadata, "labels": labels}, "data": {"release": encoded(body)}}
    )


A, B = "a" * 12, "b" * 12
HISTORY = [
    revision(1, f"slipway release {A}"),
    revision(2, f"slipway release {B} of {'d' * 12}"),
    revision(3, "Upgrade complete"),
    revision(4, "Rollback to 1"),
    revision(5, "Rollback to 4"),
    revision(6, "Rollback to 3"),
    revision(7, "Rollback to 99"),
    revision(8, f"somebody said slipway release {A}"),
]


@pytest.mark.parametrize(
    ("number", "found"),
    [(1, A), (2, B), (3, None), (4, A), (5, A), (6, None), (7, None), (8, None)],
)
def test_a_revision_is_ours_by_its_description(number: int, found: str | None) -> None:
    """S3-19: labels pass on to revisions that people make, so they prove nothing."""
    assert identity(HISTORY[number - 1], HISTORY) == found


def test_a_pending_revision_is_marked_as_helm_would() -> None:
    """Its Secret keeps the version that it was read at, so a Helm that lives wins."""
    pending = revision(2, "Preparing upgrade", "pending-upgrade")
    secret = failed(pending, 9)
    assert secret["metadata"]["resourceVersion"] == "7"
    assert secret["metadata"]["labels"]["status"] == "failed"
    info = decoded(secret["data"]["release"])["info"]
    assert info["status"] == "failed"
    assert "claim 9" in info["description"]
    assert pending.status == "pending-upgrade"


# Manifests


def manifest(change: Callable[[list[JsonObject]], None] = lambda made: None) -> str:
    labels = {"app": "web"}
    pod = {
        "containers": [{"name": "main", "image": IMAGE}, {"name": "cache", "image": OTHER}],
        "volumes": [{"secret": {"secretName": names.secrets_name(charted())}}],
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    made: list[JsonObject] = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "shop-web"},
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "shop-front"},
            "spec": {"selector": labels, "ports": [{"port": 80}]},
        },
    ]
    change(made)
    return yaml.safe_dump_all(made)


def test_a_manifest_tells_services_and_front() -> None:
    found = objects.installed(manifest(), charted())
    assert found.front == "shop-front"
    assert found.services == {"shop-web": {"main": "web"}}


def other_image(made: list[JsonObject]) -> None:
    made[0]["spec"]["template"]["spec"]["containers"][0]["image"] = OTHER


def by_tag(made: list[JsonObject]) -> None:
    made[0]["spec"]["template"]["spec"]["initContainers"] = [{"name": "i", "image": "busybox:1"}]


def no_secret(made: list[JsonObject]) -> None:
    made[0]["spec"]["template"]["spec"]["volumes"] = []


def other_port(made: list[JsonObject]) -> None:
    made[1]["spec"]["ports"] = [{"port": 81}]


def other_pods(made: list[JsonObject]) -> None:
    made[1]["spec"]["selector"] = {"app": "else"}


def other_namespace(made: list[JsonObject]) -> None:
    made[1]["metadata"]["namespace"] = "kube-system"


def stateful(made: list[JsonObject]) -> None:
    made.append({**made[0], "kind": "StatefulSet"})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (other_image, "no workload runs this image"),
        (by_tag, "not by digest"),
        (no_secret, "no object names the Secret"),
        (other_port, "no Service in front"),
        (other_pods, "no Service in front"),
        (other_namespace, "another namespace"),
        (stateful, "a workload that is not watched yet"),
    ],
)
def test_a_manifest_that_runs_something_else_is_refused(
    change: Callable[[list[JsonObject]], None], told: str
) -> None:
    """S1-29, S1-61: before anything is installed."""
    with pytest.raises(BadInput) as caught:
        objects.installed(manifest(change), charted())
    assert told in "\n".join(caught.value.evidence)


# Pods


def deployment(revision: str = "2", seen: int = 5) -> JsonObject:
    metadata = {"name": "shop-web", "uid": "d", "generation": 5, "annotations": {}}
    metadata["annotations"] = {places.REVISION: revision}
    return {"metadata": metadata, "status": {"observedGeneration": seen}}


def replica_set(hash_: str, revision: str, owner: str = "d") -> JsonObject:
    metadata = {"labels": {places.HASH: hash_}, "annotations": {places.REVISION: revision}}
    return {"metadata": {**metadata, "ownerReferences": [{"uid": owner}]}}


SETS = [replica_set("old", "1"), replica_set("new", "2"), replica_set("foreign", "2", "x")]


@pytest.mark.parametrize(
    ("made", "found"),
    [(deployment(), {"new"}), (deployment("1"), {"old"}), (deployment(seen=4), set())],
)
def test_pods_of_the_present_template_belong_to_the_release(
    made: JsonObject, found: set[str]
) -> None:
    assert places.present(made, SETS) == found


def test_a_marked_copy_shows_release_and_service() -> None:
    pod = {
        "metadata": {"name": "p", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "main", "image": IMAGE}]},
        "status": {"containerStatuses": [{"name": "main", "imageID": IMAGE}]},
    }
    before = json.dumps(pod)
    made = places.mark(pod, deployment(), objects.installed(manifest(), charted()), A)
    assert made["metadata"]["labels"] == {"app": "web", names.RELEASE: A, names.SERVICE: "web"}
    assert made["status"]["containerStatuses"][0]["name"] == "web"
    assert json.dumps(pod) == before


# The platform


def platform() -> KubernetesPlatform:
    return KubernetesPlatform(lambda: pytest.fail("no cluster is asked"), "shop-live")


def test_a_chart_has_steps_of_its_own() -> None:
    assert isinstance(platform(), InstallsCharts)
    assert [step.name for step in platform().forward(charted(), charted(port=81))] == [
        "namespace present",
        "release accepted",
        "secrets written",
        "chart installed",
        "rollout complete",
        "traffic switched",
        "release verified",
    ]
    target = charted().target
    assert [s.name for s in platform().retire(target, [charted()])] == ["old releases removed"]
    assert platform().retire(target, [])[0].name == "chart removed"


@pytest.mark.parametrize(("spec", "previous"), [(charted(), release()), (release(), charted())])
def test_an_environment_stays_with_its_way(spec: ReleaseSpec, previous: ReleaseSpec) -> None:
    """Objects of both ways would stand beside each other; a way back knows no other way."""
    with pytest.raises(BadInput, match="cannot change between a chart and other objects"):
        platform().forward(spec, previous)
    assert platform().forward(spec, None)
