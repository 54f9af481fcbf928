"""Namespaces, accounts and admission policies as shipped, asked on a real cluster."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.canonical import JsonObject
from slipway.cli.stack.settings import default_cache
from slipway.cli.stack.trivy import VERSION as TRIVY
from slipway.cli.stack.trivy import find_trivy, install_trivy
from tests.rig.kubernetes_files import (
    DIGEST,
    ENVIRONMENTS,
    MANIFESTS,
    ROOT,
    kustomized,
    misconfigurations,
    problems,
)
from tests.rig.kubernetes_rig import Cluster
from tests.rig.kubernetes_schemas import VERSIONS, make_schemas
from tests.rig.kubernetes_site import Site
from tests.rig.kubernetes_tools import tool

pytestmark = pytest.mark.kubernetes

RBAC = yaml.safe_load((ROOT / "tests/cases/kubernetes_rbac.yaml").read_text())
PODS = yaml.safe_load((ROOT / "tests/cases/kubernetes_policies.yaml").read_text())
WITH_POLICIES = [version for version in VERSIONS if version >= "1.30"]
REGISTRY = "registry.example.org:5000"
# What everybody who is known may ask about himself.
EVERYBODYS = {"selfsubjectreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews"}


@pytest.fixture(scope="module")
def site(cluster: Cluster) -> Iterator[Site]:
    made = Site(cluster, REGISTRY)
    try:
        yield made.up()
    finally:
        made.down()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("folder", [*ENVIRONMENTS, "policies", "kyverno"])
def test_manifests_fit_every_kubernetes_version(
    cluster: Cluster, folder: str, version: str
) -> None:
    """S1-12: by the published schemas, Kyverno's by its own; admission policies came with 1.30."""
    if folder == "policies" and version not in WITH_POLICIES:
        folder = "kyverno"
    documents = kustomized(cluster.program, MANIFESTS / folder).documents
    assert documents
    schemas = make_schemas()
    assert problems(tool("kubeconform"), schemas, version, documents) == []


def test_trivy_finds_no_misconfiguration(cluster: Cluster, tmp_path: Path) -> None:
    """S3-09: what is accepted is in .trivyignore.yaml, with the reason."""
    trivy = find_trivy() or install_trivy(default_cache() / "trivy" / TRIVY, print)
    rendered = tmp_path / "rendered"
    rendered.mkdir()
    for folder in (*ENVIRONMENTS, "policies"):
        documents = kustomized(cluster.program, MANIFESTS / folder).documents
        (rendered / f"{folder}.yaml").write_text(yaml.safe_dump_all(documents))
    ignored = MANIFESTS / ".trivyignore.yaml"
    assert misconfigurations(trivy, tmp_path / "cache", rendered, ignored) == []


def place_of(site: Site, where: str) -> str:
    return "" if where == "cluster" else site.namespace(where)


def access_review(site: Site, row: dict[str, Any]) -> JsonObject:
    resource, _, group = row["resource"].partition(".")
    name, _, subresource = resource.partition("/")
    asked = {"verb": row["verb"], "group": group, "resource": name, "subresource": subresource}
    asked["namespace"] = place_of(site, row["in"])
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": site.account(row["who"]),
            "groups": ["system:serviceaccounts", "system:authenticated"],
            "resourceAttributes": asked,
        },
    }


def test_each_account_may_do_what_it_must_and_nothing_else(site: Site) -> None:
    """G13, S0-19, S1-39: dev's accounts reach nothing of prod's; no exec, no escalation."""
    answers = site.reviewed([access_review(site, row) for row in RBAC["asked"]])
    wrong = [
        row
        for row, answer in zip(RBAC["asked"], answers, strict=True)
        if bool(answer["allowed"]) != row["allowed"]
    ]
    assert wrong == []


def rules_of(site: Site, who: str, where: str) -> dict[str, set[str]]:
    """Verbs by resource, as the API server itself lists them for the account."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": place_of(site, where)},
    }
    groups = ["--as-group", "system:serviceaccounts", "--as-group", "system:authenticated"]
    (told,) = site.reviewed([review], "--as", site.account(who), *groups)
    assert told["incomplete"] is False
    found: dict[str, set[str]] = {}
    for rule in told["resourceRules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                name = f"{resource}.{group}" if group else resource
                found.setdefault(name, set()).update(rule["verbs"])
    return {name: verbs for name, verbs in found.items() if name.split(".")[0] not in EVERYBODYS}


@pytest.mark.parametrize(("who", "own"), [("deployer", "app dev"), ("worker", "runner dev")])
def test_the_cluster_lists_exactly_the_table(site: Site, who: str, own: str) -> None:
    """G13: the whole of it where the account works, and nothing at all anywhere else."""
    granted = RBAC["granted"][who].items()
    assert rules_of(site, who, own) == {name: set(verbs.split()) for name, verbs in granted}
    others = {"app dev", "app prod", "runner dev", "runner prod"} - {own}
    assert {place: rules_of(site, who, place) for place in others} == {
        place: {} for place in others
    }


def pod(site: Site, case: dict[str, Any]) -> JsonObject:
    container = {
        "name": "app",
        "image": "REGISTRY/app@DIGEST",
        "securityContext": {"allowPrivilegeEscalation": False},
        **case.get("container", {}),
    }
    spec = {"containers": [container], **case.get("pod", {})}
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "asked"}, "spec": spec}
    text = yaml.safe_dump(made).replace("REGISTRY", REGISTRY).replace("DIGEST", DIGEST)
    return dict(yaml.safe_load(text))


def everything_with(given: JsonObject) -> list[JsonObject]:
    """The pod, and it as the template of what makes pods."""
    labels = {"app": "asked"}
    template = {"metadata": {"labels": labels}, "spec": given["spec"]}
    once = {"metadata": {}, "spec": {**given["spec"], "restartPolicy": "Never"}}
    job = {"template": once}
    made = {
        "apps/v1 Deployment": {"selector": {"matchLabels": labels}, "template": template},
        "batch/v1 Job": job,
        "batch/v1 CronJob": {"schedule": "0 4 * * *", "jobTemplate": {"spec": job}},
    }
    kinds = ((*key.split(), spec) for key, spec in made.items())
    return [given, *({**given, "apiVersion": v, "kind": k, "spec": s} for v, k, s in kinds)]


def is_admitted(site: Site, where: str, *made: JsonObject) -> tuple[bool, str]:
    place = ["--namespace", site.namespace(where), "--dry-run=server"]
    return site.tried("create", "--filename", "-", *place, given=list(made))


@pytest.mark.parametrize("case", PODS, ids=lambda case: case["name"])
def test_admission(site: Site, case: dict[str, Any]) -> None:
    """S3-11, F3: refused at the object that people apply, not pods later; Pod Security aside."""
    made = everything_with(pod(site, case))
    admitted, said = is_admitted(site, "bare", *made)
    assert admitted is ("refused" not in case), said
    if not admitted:
        policy = f"slipway-{case['refused']}-{site.suffix}"
        refusals = [line for line in said.splitlines() if f"'{policy}'" in line]
        assert len(refusals) == len(made), said
        assert case["found"].replace("REGISTRY", REGISTRY) in said


def test_a_pod_by_digest_is_really_made_and_one_by_tag_is_not(site: Site) -> None:
    """F3: without a dry run."""
    good, bad = pod(site, {}), pod(site, {"container": {"image": "REGISTRY/app:1"}})
    where = ["--namespace", site.namespace("bare")]
    assert not site.tried("create", "-f", "-", *where, given=[bad])[0]
    site.kubectl("create", "-f", "-", *where, given=[good])
    assert site.kubectl("get", "pods", "--output", "name", *where).split() == ["pod/asked"]


def test_a_restricted_namespace_refuses_root(site: Site) -> None:
    """S3-08: Pod Security, as labelled; the app's namespace and the runner's."""
    for where in ("app dev", "runner prod"):
        admitted, said = is_admitted(site, where, pod(site, {}))
        assert not admitted
        assert "violates PodSecurity" in said


def test_a_deployer_keeps_off_the_default_deny(site: Site) -> None:
    """S1-42: it writes its app's own policies; those of the namespace are the operators'."""
    who = ["--as", site.account("deployer"), "--namespace", site.namespace("app dev")]
    for act in (
        ["delete", "networkpolicy", "default-deny"],
        ["label", "networkpolicy", "default-deny", "slipway.dev/guard-"],
        ["label", "networkpolicy", "allow-dns", "a=b"],
    ):
        done, said = site.tried(*act, *who)
        assert not done
        assert "belong to the cluster's operators" in said
    own = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "web"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    }
    site.kubectl("apply", "--server-side", "-f", "-", *who, given=[own])
    site.kubectl("delete", "networkpolicy", "web", *who)
    site.kubectl("label", "networkpolicy", "default-deny", "checked=yes", *who[2:])
