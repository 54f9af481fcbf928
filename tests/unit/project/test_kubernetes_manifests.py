"""The shipped manifests say what the tables and the platform say; no cluster is asked."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from blocks.platforms.kubernetes_rights import VERBS

ROOT = Path(__file__).resolve().parents[3]
MANIFESTS = ROOT / "examples" / "kubernetes"
GRANTED = yaml.safe_load((ROOT / "tests/cases/kubernetes_rbac.yaml").read_text())["granted"]
ROLES = {"deployer": "base/app/deployer.yaml", "worker": "base/runner/worker.yaml"}


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


def granted(who: str) -> dict[str, set[str]]:
    """Verbs by resource, as the Role's file has them."""
    role, _ = documents(MANIFESTS / ROLES[who])
    found: dict[str, set[str]] = {}
    for rule in role["rules"]:
        (group,) = rule["apiGroups"]
        for resource in rule["resources"]:
            name = f"{resource}.{group}" if group else resource
            assert name not in found, f"{name} is granted twice"
            found[name] = set(rule["verbs"])
    return found


@pytest.mark.parametrize("who", ROLES)
def test_a_role_grants_what_the_table_says(who: str) -> None:
    """G13: no more and no less."""
    assert granted(who) == {name: set(verbs.split()) for name, verbs in GRANTED[who].items()}


def test_a_deployer_may_do_all_that_a_release_uses() -> None:
    """S1-23: the access review before a release finds nothing lacking."""
    has = granted("deployer")
    lacking = [
        f"{verb} {name}.{group}"
        for (group, name), verbs in VERBS.items()
        for verb in verbs
        if verb not in has.get(f"{name}.{group}" if group else name, set())
    ]
    assert lacking == []


@pytest.mark.parametrize("name", ["digests", "registries", "hardening", "guards"])
def test_kyverno_is_told_the_same(name: str) -> None:
    """S3-11: one set of rules for both engines."""
    own, _ = documents(MANIFESTS / "policies" / f"{name}.yaml")
    (other,) = documents(MANIFESTS / "kyverno" / f"{name}.yaml")
    assert other["kind"] == "ValidatingPolicy"
    for key in ("matchConditions", "variables", "validations"):
        assert other["spec"].get(key) == own["spec"].get(key)
    rules = (spec["matchConstraints"]["resourceRules"] for spec in (own["spec"], other["spec"]))
    assert next(rules) == next(rules)


@pytest.mark.parametrize("part", ["app", "runner"])
def test_every_namespace_is_restricted_and_bounded(part: str) -> None:
    """S1-42, S2-25, S3-09: pod security, quota, limits, and nothing gets in or out unasked."""
    base = MANIFESTS / "base" / part
    (namespace,) = documents(base / "namespace.yaml")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    policies = {made["metadata"]["name"]: made["spec"] for made in documents(base / "network.yaml")}
    assert policies["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (quota,) = documents(base / "quota.yaml")
    assert {"pods", "requests.cpu", "requests.memory", "limits.memory"} <= quota["spec"][
        "hard"
    ].keys()
    (limits,) = documents(base / "limits.yaml")
    assert {"default", "defaultRequest", "max"} <= limits["spec"]["limits"][0].keys()
