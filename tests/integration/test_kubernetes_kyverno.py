"""The policies for Kyverno, judged by Kyverno's own command line: no cluster is asked."""

import json
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.canonical import JsonObject
from tests.rig.kubernetes_files import DIGEST, MANIFESTS, ROOT
from tests.rig.kubernetes_tools import tool

# Kyverno is large: a machine without it builds it for minutes, once.
pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(1200)]

CASES = yaml.safe_load((ROOT / "tests/cases/kubernetes_policies.yaml").read_text())
POLICIES = ("digests", "registries", "hardening")
REGISTRY = "registry.example.org"
LABELLED, PLAIN = "vouchers-dev", "elsewhere"
VALUES = {
    "apiVersion": "cli.kyverno.io/v1alpha1",
    "kind": "Values",
    "metadata": {"name": "values"},
    "namespaceSelector": [
        {"name": LABELLED, "labels": {"slipway.dev/environment": "dev"}},
        {"name": PLAIN, "labels": {"name": PLAIN}},
    ],
}
GUARDED = [
    ("slipway-dev:slipway-deployer", "slipway.dev/guard", "fail"),
    ("slipway-dev:slipway-deployer", "app", "pass"),
]
Found = dict[tuple[str, str], dict[str, list[str]]]


def objects_of(case: dict[str, Any], number: int) -> list[JsonObject]:
    """The case's pod, and a Deployment, a Job and a CronJob of it."""
    container = {
        "name": "app",
        "image": "REGISTRY/app@DIGEST",
        "securityContext": {"allowPrivilegeEscalation": False},
        **case.get("container", {}),
    }
    spec = {"containers": [container], **case.get("pod", {})}
    labels = {"app": "asked"}
    template = {"metadata": {"labels": labels}, "spec": spec}
    job = {"template": {"spec": {**spec, "restartPolicy": "Never"}}}
    kinds = {
        "v1 Pod": spec,
        "apps/v1 Deployment": {"selector": {"matchLabels": labels}, "template": template},
        "batch/v1 Job": job,
        "batch/v1 CronJob": {"schedule": "0 4 * * *", "jobTemplate": {"spec": job}},
    }
    metadata = {"name": f"case-{number}", "namespace": LABELLED}
    made = [
        {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": inner}
        for (version, kind), inner in ((name.split(), inner) for name, inner in kinds.items())
    ]
    text = json.dumps(made).replace("REGISTRY", REGISTRY).replace("DIGEST", DIGEST)
    return list(json.loads(text))


def judged(folder: Path, policies: Sequence[str], made: list[JsonObject], *more: str) -> Found:
    """What each policy says: kind and name of an object, policy, then `result message` lines."""
    (folder / "values.yaml").write_text(yaml.safe_dump(VALUES))
    (folder / "objects.yaml").write_text(yaml.safe_dump_all(made))
    files = [str(MANIFESTS / "kyverno" / f"{name}.yaml") for name in policies]
    argv = [str(tool("kyverno")), "apply", *files, "--resource", str(folder / "objects.yaml")]
    argv += ["--values-file", str(folder / "values.yaml"), "--policy-report", *more]
    argv += ["--output-format", "json", "--remove-color"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=folder)
    report = json.loads(done.stdout[done.stdout.index("{") :])
    found: Found = defaultdict(lambda: defaultdict(list))
    for result in report["results"]:
        for about in result["resources"]:
            said = f"{result['result']} {result.get('message', '')}"
            found[about["kind"], about["name"]][result["policy"]].append(said)
    return found


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """All cases in one run."""
    made = [one for number, case in enumerate(CASES) for one in objects_of(case, number)]
    return judged(tmp_path_factory.mktemp("kyverno"), POLICIES, made)


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case["name"] for case in CASES])
def test_kyverno_says_what_the_built_in_admission_says(found: Found, number: int) -> None:
    """S3-11, F3: the same table as for the ValidatingAdmissionPolicies, on each kind."""
    case = CASES[number]
    for kind in ("Pod", "Deployment", "Job", "CronJob"):
        said = found[kind, f"case-{number}"]
        for policy in POLICIES:
            (line,) = said[f"slipway-{policy}"]
            assert line.startswith("fail" if case.get("refused") == policy else "pass"), line
            if case.get("refused") == policy:
                assert case["found"].replace("REGISTRY", REGISTRY) in line


def test_other_namespaces_are_left_alone(tmp_path: Path) -> None:
    """F3: the label on the namespace decides."""
    (here, *_), (there, *_) = (objects_of({"container": {"image": "app"}}, n) for n in (1, 2))
    there["metadata"]["namespace"] = PLAIN
    found = judged(tmp_path, ("digests",), [here, there])
    assert {name for _, name in found} == {"case-1"}


@pytest.mark.parametrize(("who", "label", "result"), GUARDED)
def test_the_default_deny_is_the_operators_own(
    tmp_path: Path, who: str, label: str, result: str
) -> None:
    """S1-42: a deployer makes its app's own network policies, and none that guards."""
    user = {"username": f"system:serviceaccount:{who}"}
    asked = {"apiVersion": "cli.kyverno.io/v1alpha1", "kind": "UserInfo", "userInfo": user}
    (tmp_path / "who.yaml").write_text(yaml.safe_dump({**asked, "metadata": {"name": "who"}}))
    made: JsonObject = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "web", "namespace": LABELLED, "labels": {label: "true"}},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    }
    found = judged(tmp_path, ("guards",), [made], "--userinfo", str(tmp_path / "who.yaml"))
    said = found["NetworkPolicy", "web"].get("slipway-guards", ["not asked"])
    assert [line.split()[0] for line in said] == [result]
