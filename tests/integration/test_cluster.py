"""The test cluster itself: a real node that pulls, runs, names, routes, limits and refuses."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.rig.kubernetes_rig import Cluster, JsonObject, KubectlFailed

pytestmark = pytest.mark.kubernetes
NOT_PULLED = ("ErrImagePull", "ImagePullBackOff")


def deployment(image: str, replicas: int = 2, version: str = "one") -> JsonObject:
    probe = {"httpGet": {"path": "/ready", "port": 8000}, "periodSeconds": 1}
    container = {
        "name": "web",
        "image": image,
        "env": [{"name": "VERSION", "value": version}],
        "ports": [{"containerPort": 8000}],
        "readinessProbe": probe,
    }
    pods = {"terminationGracePeriodSeconds": 1, "containers": [container]}
    labels = {"app": "web"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pods},
        },
    }


def service() -> JsonObject:
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8000}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}


def pod(name: str, image: str) -> JsonObject:
    spec = {"terminationGracePeriodSeconds": 1, "containers": [{"name": "web", "image": image}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def await_rollout(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("rollout", "status", "deployment/web", "--timeout=60s", namespace=namespace)


def answer(cluster: Cluster, namespace: str) -> str:
    """What a pod of the Service answers."""
    with cluster.port_forward(namespace, "service/web", 80) as port:
        return httpx.get(f"http://127.0.0.1:{port}/version").text


@pytest.fixture(scope="module")
def web(cluster: Cluster) -> Iterator[str]:
    """A namespace with two pods of the test app behind a Service."""
    namespace = cluster.new_namespace()
    try:
        cluster.apply(deployment(cluster.push()), service(), namespace=namespace)
        await_rollout(cluster, namespace)
        yield namespace
    finally:
        cluster.remove_namespace(namespace)


def test_a_rollout_moves_the_service_to_another_digest_and_back(cluster: Cluster, web: str) -> None:
    assert answer(cluster, web) == "one"
    cluster.apply(deployment(cluster.push("two"), version="two"), namespace=web)
    await_rollout(cluster, web)
    assert answer(cluster, web) == "two"
    cluster.kubectl("rollout", "undo", "deployment/web", namespace=web)
    await_rollout(cluster, web)
    assert answer(cluster, web) == "one"


def test_a_service_answers_this_machine(own_cluster: Cluster, web: str) -> None:
    url = f"http://{own_cluster.service_address(web, 'web')}/version"
    transport = httpx.HTTPTransport(retries=5)  # the proxy of services needs a moment
    with httpx.Client(transport=transport) as client:
        assert client.get(url).text == "one"


def test_names_lead_to_services_from_within_a_pod(cluster: Cluster, web: str) -> None:
    address = cluster.get("service", "web", web)["spec"]["clusterIP"]
    asks = "import sys, urllib.request as u; print(u.urlopen('http://' + sys.argv[1]).read())"
    within = ("exec", "deployment/web", "--", "python3", "-c", asks)
    for host in ("web", f"web.{web}.svc.cluster.local", address):
        assert "one" in cluster.kubectl(*within, f"{host}/version", namespace=web)


def test_a_pod_reaches_the_api_and_not_the_world(own_cluster: Cluster, web: str) -> None:
    reach = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)"
    within = ("exec", "deployment/web", "--", "python3", "-c", reach)
    own_cluster.kubectl(*within, "kubernetes.default", "443", namespace=web)
    with pytest.raises(KubectlFailed, match="unreachable"):
        own_cluster.kubectl(*within, "192.0.2.1", "80", namespace=web)


def test_the_end_of_a_crashing_pod_and_its_log_are_seen(cluster: Cluster, namespace: str) -> None:
    crashing = pod("crash", cluster.push())
    crashing["spec"]["containers"][0]["env"] = [{"name": "MODE", "value": "crash"}]
    crashing["spec"]["restartPolicy"] = "Never"
    cluster.apply(crashing, namespace=namespace)
    failed = "--for=jsonpath={.status.phase}=Failed"
    cluster.kubectl("wait", "pod/crash", failed, "--timeout=30s", namespace=namespace)
    ended = cluster.get("pod", "crash", namespace)["status"]["containerStatuses"][0]["state"]
    assert ended["terminated"]["exitCode"] == 3
    assert "no database" in cluster.kubectl("logs", "crash", namespace=namespace)


def await_waiting(cluster: Cluster, namespace: str, name: str, seconds: float = 30) -> str:
    """Why a pod's container waits: the first reason that is no progress."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        status = cluster.get("pod", name, namespace)["status"]
        for container in status.get("containerStatuses", []):
            reason = str(container["state"].get("waiting", {}).get("reason", ""))
            if reason not in ("", "ContainerCreating"):
                return reason
        time.sleep(0.1)
    raise AssertionError(f"{name} waits for nothing")


def test_an_image_is_pulled_with_a_login_alone(own_cluster: Cluster, namespace: str) -> None:
    image = own_cluster.needs_login(own_cluster.push("login"))
    stranger = pod("stranger", image)
    stranger["spec"]["serviceAccountName"] = "stranger"
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "stranger"}}
    own_cluster.apply(account, stranger, namespace=namespace)
    assert await_waiting(own_cluster, namespace, "stranger") in NOT_PULLED
    own_cluster.apply(pod("friend", image), namespace=namespace)
    ready = ("wait", "pod/friend", "--for=condition=Ready", "--timeout=30s")
    own_cluster.kubectl(*ready, namespace=namespace)


def test_an_image_that_left_node_and_registry_cannot_be_pulled(
    own_cluster: Cluster, namespace: str
) -> None:
    image = own_cluster.push("lost")
    own_cluster.apply(pod("first", image), namespace=namespace)
    ready = ("wait", "pod/first", "--for=condition=Ready", "--timeout=30s")
    own_cluster.kubectl(*ready, namespace=namespace)
    own_cluster.kubectl("delete", "pod", "first", namespace=namespace)
    own_cluster.unpull(image)
    with own_cluster.registry_lost():
        own_cluster.apply(pod("second", image), namespace=namespace)
        assert await_waiting(own_cluster, namespace, "second") in NOT_PULLED


def test_quota_and_restricted_pods_are_enforced(cluster: Cluster) -> None:
    namespace = cluster.new_namespace({"pod-security.kubernetes.io/enforce": "restricted"})
    try:
        with pytest.raises(KubectlFailed, match='violates PodSecurity "restricted'):
            cluster.apply(pod("plain", "127.0.0.1:1/none"), namespace=namespace)
        quota = {"metadata": {"name": "none"}, "spec": {"hard": {"configmaps": "0"}}}
        cluster.apply({"apiVersion": "v1", "kind": "ResourceQuota", **quota}, namespace=namespace)
        until = time.monotonic() + 10
        while "used" not in cluster.get("resourcequota", "none", namespace).get("status", {}):
            assert time.monotonic() < until
            time.sleep(0.1)
        with pytest.raises(KubectlFailed, match="exceeded quota: none"):
            cluster.kubectl("create", "configmap", "one-more", namespace=namespace)
    finally:
        cluster.remove_namespace(namespace)


def test_a_limited_account_may_do_what_its_rules_say(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]
    limited = cluster.limited_kubeconfig(namespace, rules, tmp_path)
    argv = [str(cluster.program), f"--kubeconfig={limited}", "get"]
    assert subprocess.run([*argv, "pods"], capture_output=True, check=False).returncode == 0
    done = subprocess.run([*argv, "secrets"], capture_output=True, text=True, check=False)
    assert "Forbidden" in done.stderr
    assert limited.stat().st_mode & 0o077 == 0


@pytest.mark.alone
def test_the_api_server_dies_and_comes_back(own_cluster: Cluster, namespace: str) -> None:
    with own_cluster.without("kube-apiserver"), pytest.raises(KubectlFailed, match="refused"):
        own_cluster.kubectl("get", "namespace", namespace)
    assert own_cluster.get("namespace", namespace)["status"]["phase"] == "Active"


@pytest.mark.alone
def test_a_paused_api_server_answers_nobody(own_cluster: Cluster) -> None:
    with (
        own_cluster.without("kube-apiserver", "paused"),
        pytest.raises(KubectlFailed, match=r"imeout|deadline exceeded"),
    ):
        own_cluster.kubectl("get", "namespaces", "--request-timeout=1s")
    assert "default" in own_cluster.kubectl("get", "namespaces")


def test_what_is_stored_can_be_read_by_key(own_cluster: Cluster, namespace: str) -> None:
    own_cluster.kubectl(
        "create", "configmap", "seen", "--from-literal=word=zebra", namespace=namespace
    )
    stored = own_cluster.etcd(f"/registry/configmaps/{namespace}/")
    assert b"zebra" in stored[f"/registry/configmaps/{namespace}/seen"]
    assert json.loads(own_cluster.kubectl("version", "--output=json"))["serverVersion"]["minor"]
