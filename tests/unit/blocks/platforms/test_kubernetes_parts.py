"""Pure parts beside builders, fields and verdicts."""

from pathlib import Path

import pytest
import yaml

from blocks.platforms import kubernetes_access, kubernetes_evidence
from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes import KubernetesPlatform
from blocks.platforms.kubernetes_addresses import addresses
from blocks.platforms.kubernetes_api import ApiRefused, Cluster, path_for, path_of, refusal
from blocks.platforms.kubernetes_fence import token_of
from blocks.platforms.kubernetes_owners import (
    FieldConflict,
    other_managers,
    refuse_conflicts,
    refuse_foreign,
)
from blocks.platforms.kubernetes_retire import surplus
from blocks.platforms.kubernetes_rights import ROUTED, VERBS
from blocks.platforms.kubernetes_supporting import config_map, secret
from blocks.platforms.kubernetes_verify import endpoints, running_digest
from blocks.platforms.kubernetes_workload import deployment
from slipway.canonical import JsonObject
from slipway.errors import BadInput, Cause, Unreachable
from tests.unit.blocks.platforms.kubernetes_releases import TARGET, as_stored, pod, release, service


def test_paths_of_objects() -> None:
    assert path_of("Namespace", "any", "shop") == "/api/v1/namespaces/shop"
    assert path_of("Deployment", "shop") == "/apis/apps/v1/namespaces/shop/deployments"
    made = deployment(release(), service(), "")
    assert path_for(made) == "/apis/apps/v1/namespaces/shop-live/deployments/web"


def test_a_conflict_names_manager_and_field() -> None:
    """B8: refused, with who owns the field and the next step."""
    cause = {
        "reason": "FieldManagerConflict",
        "message": 'conflict with "kubectl-edit" using apps/v1',
        "field": ".spec.replicas",
    }
    error = ApiRefused(409, {"reason": "Conflict", "details": {"causes": [cause]}})
    with pytest.raises(FieldConflict) as caught:
        refuse_conflicts(error, deployment(release(), service(), ""))
    assert caught.value.found == "kubectl-edit: .spec.replicas"
    assert "kubectl -n shop-live get deployment web" in str(caught.value.next_step)


def test_an_object_that_is_not_ours_is_left_alone() -> None:
    wanted = deployment(release(), service(), "")
    foreign = {"metadata": {"name": "web", "labels": {"app": "web"}}}
    with pytest.raises(BadInput, match="Slipway did not make it"):
        refuse_foreign(foreign, wanted, TARGET)
    refuse_foreign(wanted, wanted, TARGET)


@pytest.mark.parametrize(
    ("status", "message", "cause"),
    [
        (403, 'deployments is forbidden: User "x" cannot patch resource', Cause.PERMISSION),
        (403, 'exceeded quota: small, requested: "count/secrets=1"', Cause.QUOTA),
        (403, 'admission webhook "signed" denied the request', Cause.POLICY),
        (401, "Unauthorized", Cause.PERMISSION),
        (422, "spec.ports: Required value", Cause.INPUT),
    ],
)
def test_a_refusal_of_the_server_has_its_class(status: int, message: str, cause: Cause) -> None:
    """N24, H6: permission, policy, quota and input are told apart."""
    assert refusal("applying", ApiRefused(status, {"message": message})).cause is cause


def test_config_and_secrets_of_a_way_back_stay() -> None:
    """N12, S1-62: workloads of the serving release alone, versions of both."""
    one = release(service(), service("back"))
    two = release(service(config={"GREETING": "two"}), secrets={"database-url": "v8"})
    three = release(service(config={"GREETING": "three"}), secrets={"database-url": "v6"})
    found = [deployment(one, one.services[1], ""), deployment(two, two.services[0], "")]
    for spec in (one, two, three):
        found += [config_map(spec, spec.services[0]), secret(spec, {})]
    gone = [f"{m['kind']}/{m['metadata']['name']}" for m in surplus(found, [two, one], {})]
    config, versions = names.config_name(three.services[0]), names.secrets_name(three)
    assert gone == ["Deployment/back", f"ConfigMap/{config}", f"Secret/{versions}"]
    assert len(surplus(found, [], {})) == len(found)


def test_the_fencing_token_of_an_object() -> None:
    assert token_of(None) == 0
    assert token_of({"metadata": {"annotations": {names.CLAIM: "7"}}}) == 7
    assert token_of({"metadata": {"annotations": {names.CLAIM: "seven"}}}) == 0


def test_the_digest_counts_whatever_repository_the_node_knows() -> None:
    """N17: one digest, several names."""
    spec = release()
    assert running_digest(pod(spec), "web") == spec.services[0].digest
    assert running_digest(pod(spec, imageID=""), "web") == "nothing"


def test_endpoints_that_get_traffic() -> None:
    ready = {"targetRef": {"name": "a"}, "conditions": {"ready": True}}
    ending = {"targetRef": {"name": "b"}, "conditions": {"ready": False, "serving": True}}
    assert endpoints([{"endpoints": [ready, ending]}, {"endpoints": None}]) == {"a"}


def test_who_else_wrote_into_an_object() -> None:
    made = as_stored(release())[0][0]
    managers = ("slipway", "kubectl-edit", "kube-controller-manager")
    made["metadata"]["managedFields"] = [{"manager": manager} for manager in managers]
    assert other_managers(made) == ["kubectl-edit"]


def test_a_description_masks_what_the_pod_is_given() -> None:
    """G8: variables are not told; images and states are."""
    described = pod(release(), restartCount=2)
    described["spec"]["containers"][0]["env"] = [{"name": "TOKEN", "value": "canary"}]
    text = "\n".join(kubernetes_evidence.describe(described))
    assert "env TOKEN=(masked)" in text
    assert "restarts 2" in text
    assert "canary" not in text


def test_events_are_told_in_their_order() -> None:
    about = {"kind": "Pod", "name": "web-1"}
    early, late = (
        {"metadata": {}, "lastTimestamp": f"2026-01-01T00:00:0{n}Z", "involvedObject": about}
        for n in (1, 2)
    )
    assert kubernetes_evidence.of_object([late, early], "web-1") == [early, late]
    line = kubernetes_evidence.event_line({**late, "reason": "Failed", "message": "m", "count": 3})
    assert line == "2026-01-01T00:00:02Z Pod/web-1 Failed: m (3 times)"


def test_a_missing_kubeconfig_names_the_settings(tmp_path: Path) -> None:
    access = kubernetes_access.by_settings(tmp_path / "none", "prod")
    with pytest.raises(BadInput, match="context prod") as caught:
        access()
    assert "SLIPWAY_KUBECONFIG" in str(caught.value.next_step)


KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: u, user: {token: canary-token}}]
contexts: [{name: one, context: {cluster: c, user: u}}]
current-context: one
"""


def test_a_dead_cluster_is_unreachable_and_a_wrong_context_tells_no_token(tmp_path: Path) -> None:
    """H1: retryable, by name of the address; no credential in any text."""
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG)
    dead = Cluster(kubernetes_access.by_settings(path, "one"), patience=0.1)
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"):
        dead.get("/version")
    with pytest.raises(BadInput) as caught:
        kubernetes_access.by_settings(path, "two")()
    assert "canary" not in str(caught.value)
    platform = KubernetesPlatform(kubernetes_access.by_settings(path, "one"))
    assert platform.evidence(release())[0].name == "no evidence"


def test_a_release_of_another_namespace_is_refused() -> None:
    """G1: moving the namespace would leave what runs behind."""
    platform = KubernetesPlatform(kubernetes_access.by_settings(None, "any"), "shop-old")
    with pytest.raises(BadInput, match="cannot be changed") as caught:
        platform.render(release())
    assert caught.value.found == "shop-live"
    assert platform.within("shop-live").render(release())["namespace"] == "shop-live"


def test_where_users_reach_a_service() -> None:
    """S1-28: the load balancer's address, once it has one."""
    made: JsonObject = {"spec": {"clusterIP": "10.0.0.9", "ports": [{"port": 80}]}}
    assert addresses(made) == ["10.0.0.9:80"]
    made["spec"]["ports"][0]["nodePort"] = 30080
    assert addresses(made) == ["10.0.0.9:80", "every node:30080"]
    made["spec"]["type"] = "LoadBalancer"
    assert addresses(made) == ["no address yet:80"]
    made["status"] = {"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}]}}
    assert addresses(made) == ["lb.example.com:80"]
    assert addresses({}) == []


def test_the_shipped_role_grants_every_verb_that_a_release_uses() -> None:
    """G13, S1-39: the manifests and the platform are held to each other."""
    granted = yaml.safe_load(Path("tests/cases/kubernetes_rbac.yaml").read_text())["granted"]
    rights = {resource: set(verbs.split()) for resource, verbs in granted["deployer"].items()}
    for (group, resource), verbs in {**VERBS, **ROUTED}.items():
        name = f"{resource}.{group}" if group else resource
        assert set(verbs) <= rights.get(name, set()), name
