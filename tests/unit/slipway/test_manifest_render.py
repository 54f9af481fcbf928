"""Manifests of a release, ready to be applied: by digest, owned, in waves, with hooks (N12, C9)."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.errors import BadInput
from slipway.manifest_kinds import Rank
from slipway.manifest_render import Generated, Ownership, Rendered, render
from slipway.manifests import unpack
from slipway.release import KubernetesSpec, ReleaseSpec
from tests.fakes.docker_inspect import spec, web
from tests.fakes.manifests import deployment, packed, service

CASES = Path(__file__).parents[2] / "cases" / "manifests" / "rendered.yaml"
PLACE = KubernetesSpec(namespace="shop-dev", service_account="shop")
SPEC: ReleaseSpec = spec(web(), platform="kubernetes", port=80, kubernetes=PLACE)
WORDS = {"IMAGE": SPEC.services[0].image, "OTHER": "registry.example/x@sha256:" + "a" * 64}
OWNERSHIP = Ownership(
    labels={"app.kubernetes.io/managed-by": "slipway", "slipway.dev/app": "shop"},
    annotations={"slipway.dev/candidate": "CANDIDATE"},
)
POD = {
    "serviceAccountName": "shop",
    "securityContext": {"runAsUser": 65532},
    "volumes": [{"name": "slipway-secrets", "secret": {"secretName": "shop-secrets-1"}}],
    "containers": [
        {
            "name": "web",
            "image": SPEC.services[0].image,
            "args": ["python3", "-m", "web"],
            "envFrom": [{"configMapRef": {"name": "web-config-1"}}],
            "ports": [{"name": "http", "containerPort": 8000}],
            "resources": {"limits": {"memory": "134217728"}},
            "securityContext": {"readOnlyRootFilesystem": True},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
            "volumeMounts": [
                {"name": "slipway-secrets", "mountPath": "/run/secrets", "readOnly": True}
            ],
        }
    ],
}
GENERATED = {
    "web": Generated(
        labels={"slipway.dev/service": "web", "app.kubernetes.io/name": "web"},
        pod=POD,
        workload={"replicas": 2, "progressDeadlineSeconds": 60},
    )
}


def rendered(*documents: dict[str, Any]) -> Rendered:
    return render(unpack(packed(*documents)), SPEC, OWNERSHIP, GENERATED)


def filled(value: Any) -> Any:
    """The words of a case replaced."""
    text = yaml.safe_dump(value)
    for word, meant in WORDS.items():
        text = re.sub(rf"\b{word}\b", meant, text)
    return yaml.safe_load(text)


def at(value: Any, path: str) -> Any:
    """The value at a path whose keys hold no dots; None where there is none."""
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else value.get(part)
        if value is None:
            return None
    return value


@pytest.mark.parametrize("case", yaml.safe_load(CASES.read_text()), ids=lambda case: case["name"])
def test_renders(case: dict[str, Any]) -> None:
    documents = [copy.deepcopy(document) for document in (deployment("web"), service("web"))]
    for change in filled(case.get("change", [])):
        node = next(document for document in documents if document["kind"] == change["of"])
        for part in change["at"][:-1]:
            node = node[part]
        node[change["at"][-1]] = change["to"]
    found = {
        f"{one['kind']}/{one['metadata']['name']}": one
        for one in rendered(*documents, *filled(case.get("add", []))).objects
    }
    for name, fields in filled(case["becomes"]).items():
        assert {path: at(found[name], path) for path in fields} == fields


def hook(name: str, when: str, **annotations: str) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "annotations": {"slipway.dev/hook": when, **annotations}},
        "spec": {
            "activeDeadlineSeconds": 90,
            "template": {"spec": {"containers": [{"name": "m", "image": "web", "args": ["up"]}]}},
        },
    }


def plain(kind: str, group: str = "v1", wave: str | None = None, name: str = "web") -> dict:
    annotations = {"annotations": {"slipway.dev/wave": wave}} if wave else {}
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name, **annotations}}


def shown(found: Rendered) -> list[list[str]]:
    parts = (
        [[one["kind"] for one in wave.objects] for wave in found.supporting],
        [["before", *(h.job["metadata"]["name"] for h in found.before)]],
        [[one["kind"] for one in wave.objects] for wave in found.serving],
        [["after", *(h.job["metadata"]["name"] for h in found.after)]],
    )
    return [line for part in parts for line in part]


def test_applies_what_others_need_first() -> None:
    found = rendered(
        plain("Ingress", "networking.k8s.io/v1"),
        plain("HorizontalPodAutoscaler", "autoscaling/v2"),
        deployment("web"),
        plain("CronJob", "batch/v1"),
        service("web"),
        plain("ExternalSecret", "external-secrets.io/v1"),
        plain("PersistentVolumeClaim"),
        plain("ConfigMap"),
        plain("Role", "rbac.authorization.k8s.io/v1"),
        plain("ServiceAccount"),
        plain("NetworkPolicy", "networking.k8s.io/v1"),
        plain("Namespace", name="shop-dev"),
        hook("migrate", "pre-deploy"),
        hook("warm", "post-deploy"),
    )
    assert shown(found) == [
        ["Namespace"],
        ["NetworkPolicy"],
        ["ServiceAccount"],
        ["Role"],
        ["ConfigMap"],
        ["PersistentVolumeClaim"],
        ["ExternalSecret"],
        ["before", f"migrate-{SPEC.id}"],
        ["Service"],
        ["Deployment", "CronJob"],
        ["HorizontalPodAutoscaler"],
        ["Ingress"],
        ["after", f"warm-{SPEC.id}"],
    ]


def test_waves_go_before_kinds() -> None:
    first = {**deployment("web"), "metadata": plain("x", wave="-1", name="first")["metadata"]}
    last = plain("Service", wave="2", name="last")
    found = rendered(last, service("web"), deployment("web"), first)
    named = [[one["metadata"]["name"] for one in wave.objects] for wave in found.serving]
    numbers = [(wave.number, wave.rank) for wave in found.serving]
    assert [(*key, names) for key, names in zip(numbers, named, strict=True)] == [
        (-1, Rank.WORKLOAD, ["first"]),
        (0, Rank.SERVICE, ["web"]),
        (0, Rank.WORKLOAD, ["web"]),
        (2, Rank.SERVICE, ["last"]),
    ]


def test_a_hook_runs_once_in_a_release_and_has_an_end() -> None:
    """C9: named by the release, so that it is found again; the pod of a Job takes no traffic."""
    documents = [
        deployment("web"),
        service("web"),
        hook("b", "pre-deploy"),
        hook("a", "pre-deploy"),
    ]
    before = rendered(*documents).before
    assert [(one.job["metadata"]["name"], one.deadline_seconds) for one in before] == [
        (f"a-{SPEC.id}", 90),
        (f"b-{SPEC.id}", 90),
    ]
    made = before[0].job["spec"]
    pod = made["template"]["spec"]
    assert (made["backoffLimit"], pod["restartPolicy"]) == (0, "Never")
    assert (pod["containers"][0]["image"], pod["containers"][0]["args"]) == (WORDS["IMAGE"], ["up"])
    assert pod["containers"][0]["envFrom"] == [{"configMapRef": {"name": "web-config-1"}}]
    assert made["template"]["metadata"]["labels"] == OWNERSHIP.labels
    assert "readinessProbe" not in pod["containers"][0]
    assert "ports" not in pod["containers"][0]


def test_hooks_of_one_time_keep_the_order_of_their_waves() -> None:
    last = hook("a", "pre-deploy", **{"slipway.dev/wave": "1"})
    found = rendered(deployment("web"), service("web"), last, hook("b", "pre-deploy"))
    assert [one.job["metadata"]["name"][0] for one in found.before] == ["b", "a"]


def test_the_same_manifests_give_the_same_objects_and_are_left_as_they_are() -> None:
    files = unpack(packed(deployment("web"), service("web")))
    before = copy.deepcopy(files)
    first = render(files, SPEC, OWNERSHIP, GENERATED)
    assert render(files, SPEC, OWNERSHIP, GENERATED) == first
    assert files == before


def test_refuses_what_breaks_a_rule() -> None:
    with pytest.raises(BadInput, match="hostNetwork"):
        rendered(deployment("web", hostNetwork=True), service("web"))
