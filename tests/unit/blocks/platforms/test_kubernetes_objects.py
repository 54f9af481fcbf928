"""What is asked of the API server, as data."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_hardening import HARDENED, hardening
from blocks.platforms.kubernetes_prove import every_object
from blocks.platforms.kubernetes_retire import needed
from blocks.platforms.kubernetes_smoke import smoke_jobs
from blocks.platforms.kubernetes_supporting import (
    ingresses,
    namespace,
    preview,
    secret,
    services,
    supporting_objects,
)
from blocks.platforms.kubernetes_workload import (
    DRAIN_SECONDS,
    canary_deployment,
    deployment,
)
from slipway.appfile_objects import Autoscale, Ingress
from slipway.errors import BadInput
from slipway.release import SmokeSpec, parse_spec
from tests.unit.blocks.platforms.kubernetes_releases import IMAGE, on_cluster, release, service


def test_a_deployment_runs_the_digest_restricted_and_probed() -> None:
    """S1-32, S1-37, S3-08, G10, C7: one deadline, zero unavailable, nothing that root could do."""
    spec = release()
    made = deployment(spec, spec.services[0], "registry/shop@sha256:1")["spec"]
    pod = made["template"]["spec"]
    own = pod["containers"][0]
    assert own["image"] == IMAGE
    assert made["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }
    assert made["progressDeadlineSeconds"] == 90
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not pod["automountServiceAccountToken"]
    assert pod["terminationGracePeriodSeconds"] == spec.services[0].stop_seconds + DRAIN_SECONDS
    assert own["livenessProbe"]["httpGet"]["path"] == "/health"
    assert own["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert own["startupProbe"]["failureThreshold"] == 90
    assert own["resources"]["limits"] == own["resources"]["requests"]


def test_the_pod_template_depends_on_the_specification_alone() -> None:
    """N12: so that going back finds the ReplicaSet of before."""
    spec = release()
    first, again = (deployment(spec, spec.services[0], who) for who in ("one", "two"))
    assert first["spec"] == again["spec"]
    assert first["metadata"]["annotations"][names.CANDIDATE] == "one"


def test_another_config_or_secret_version_is_another_name() -> None:
    """N12, S1-62: nothing is overwritten."""
    one, two = service(), service(config={"GREETING": "hi"})
    assert names.config_name(one) != names.config_name(two)
    assert names.config_name(one) == names.config_name(service(replicas=5))
    v7, v8 = release(), release(secrets={"database-url": "v8"})
    assert names.secrets_name(v7) != names.secrets_name(v8)
    assert secret(v7, {"database-url": "x"})["immutable"]
    pods = [deployment(s, s.services[0], "")["spec"]["template"]["spec"] for s in (v7, v8)]
    assert [p["volumes"][-1]["secret"]["secretName"] for p in pods] == [
        names.secrets_name(v7),
        names.secrets_name(v8),
    ]


def test_no_object_but_the_secret_holds_a_value() -> None:
    """G10: only versions are told."""
    spec = release()
    made = json.dumps([namespace(spec), *every_object(spec, "c"), secret(spec, {})])
    assert "v7" in made
    assert "canary" not in made
    assert "canary" not in json.dumps(secret(spec, {"database-url": "canary"}))


def test_only_the_front_service_takes_traffic_from_everybody() -> None:
    """S1-42, S3-09: others are reached by their own app."""
    spec = release(service(), service("back"))
    policies = {
        made["metadata"]["name"]: made["spec"]["ingress"]
        for made in supporting_objects(spec)
        if made["kind"] == "NetworkPolicy"
    }
    assert "from" not in policies["web"][0]
    assert policies["back"][0]["from"] == [{"podSelector": {"matchLabels": {names.APP: "shop"}}}]


def test_services_listen_where_the_app_file_says() -> None:
    spec = release(service(), service("back"), service("worker", port=None))
    ports = {s["metadata"]["name"]: s["spec"]["ports"][0]["port"] for s in services(spec)}
    assert ports == {"back": 8000, "web": 80}
    assert services(spec)[-1]["metadata"]["name"] == "web"


def test_a_budget_only_where_there_is_more_than_one() -> None:
    """S1-53, C6: a budget for one replica would block every drain."""
    one, two = (supporting_objects(release(service(replicas=n))) for n in (1, 2))
    assert "PodDisruptionBudget" not in [made["kind"] for made in one]
    assert "PodDisruptionBudget" in [made["kind"] for made in two]


def test_two_colours_stand_beside_each_other() -> None:
    """S1-57: the Service selects one release of the two."""
    spec = release(strategy="blue-green")
    made = deployment(spec, spec.services[0], "")
    assert made["metadata"]["name"] == f"web-{spec.id}"
    assert made["spec"]["selector"]["matchLabels"][names.RELEASE] == spec.id
    assert services(spec)[0]["spec"]["selector"][names.RELEASE] == spec.id


def test_a_canary_stands_beside_the_stable_set_behind_the_same_service() -> None:
    """S1-57: the front Service selects both, the preview and its own Deployment it alone."""
    spec = release(strategy="canary")
    stable = deployment(spec, spec.services[0], "")["spec"]
    made = canary_deployment(spec, spec.services[0], "", 3)
    own, labels = made["spec"], made["spec"]["template"]["metadata"]["labels"]
    assert (made["metadata"]["name"], own["replicas"]) == ("web-canary", 3)
    assert own["template"]["spec"] == stable["template"]["spec"]
    assert own["selector"]["matchLabels"].items() <= labels.items()
    assert not own["selector"]["matchLabels"].items() <= (
        stable["template"]["metadata"]["labels"].items()
    )
    assert services(spec)[0]["spec"]["selector"].items() <= labels.items()
    shown = preview(spec)
    assert shown["metadata"]["name"] == "web-preview"
    assert shown["spec"]["selector"].items() <= labels.items()
    assert shown["spec"]["ports"] == services(spec)[-1]["spec"]["ports"]


@pytest.mark.parametrize(
    ("strategy", "previews"),
    [
        ("rolling", []),
        ("recreate", []),
        ("blue-green", ["web-preview"]),
        ("canary", ["web-preview"]),
    ],
)
def test_a_preview_where_two_releases_may_stand(strategy: str, previews: list[str]) -> None:
    made = every_object(release(strategy=strategy), "")
    tracks = [m["metadata"] for m in made if names.TRACK in m["metadata"]["labels"]]
    assert [one["name"] for one in tracks] == previews


def test_recreate_ends_the_old_pods_first() -> None:
    spec = release(strategy="recreate")
    assert deployment(spec, spec.services[0], "")["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize("user", ["0", "root", "app"])
def test_a_service_without_a_numeric_user_is_refused(user: str) -> None:
    with pytest.raises(BadInput, match="numeric user"):
        deployment(release(), service(user=user), "")


ASKED = {
    "autoscale": Autoscale(),
    "service_type": "LoadBalancer",
    "ingress": Ingress(host="shop.example.org", path="/shop", class_name="nginx"),
    "smoke": SmokeSpec(service="web", command=("smoke", "--all"), deadline_seconds=90),
}


def test_what_is_not_asked_for_is_neither_made_nor_in_the_id() -> None:
    """Ids on record stay as they are, and what is on record is read back."""
    plain, asked = release(), release(kubernetes=on_cluster(**ASKED))
    written = plain.model_dump(mode="json")["kubernetes"]
    assert not ASKED.keys() & written.keys()
    assert plain.id == "3d21f4be00e0"
    assert parse_spec(json.loads(json.dumps(asked.model_dump(mode="json")))) == asked
    kinds = {made["kind"] for made in every_object(asked, "")}
    more = kinds - {made["kind"] for made in every_object(plain, "")}
    assert more == {"HorizontalPodAutoscaler", "Ingress", "Job"}


def test_a_way_in_leads_to_the_front_service() -> None:
    """S1-28, S1-41: whatever listens, the front one's named port answers."""
    spec = release(service(), service("back"), kubernetes=on_cluster(**ASKED))
    (made,) = ingresses(spec)
    (rule,) = made["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert (rule["host"], path["path"], path["pathType"]) == ("shop.example.org", "/shop", "Prefix")
    assert path["backend"]["service"] == {"name": "web", "port": {"name": "http"}}
    assert "tls" not in made["spec"]
    types = {one["metadata"]["name"]: one["spec"]["type"] for one in services(spec)}
    assert types == {"web": "LoadBalancer", "back": "ClusterIP"}


def test_a_smoke_test_is_hardened_as_the_pods_and_out_of_traffic() -> None:
    """S1-25, G10: one try, one deadline, config and secrets of its service, no service's label."""
    spec = release(kubernetes=on_cluster(**ASKED))
    (job,) = smoke_jobs(spec)
    assert (job["spec"]["backoffLimit"], job["spec"]["activeDeadlineSeconds"]) == (0, 90)
    template = job["spec"]["template"]
    assert names.SERVICE not in template["metadata"]["labels"]
    assert hardening(template["spec"]) == HARDENED
    (own,) = template["spec"]["containers"]
    assert (own["image"], own["command"]) == (IMAGE, ["smoke", "--all"])
    assert not {"args", "ports", "lifecycle", "readinessProbe"} & own.keys()
    assert own["envFrom"]
    assert own["volumeMounts"][-1]["mountPath"] == "/run/secrets"
    assert ("batch", "Job", job["metadata"]["name"]) in needed([spec], {})
    assert ("batch", "Job", job["metadata"]["name"]) not in needed([release(), spec], {})


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda pod: None, HARDENED),
        (lambda pod: pod.pop("securityContext"), "changed: runAsNonRoot, seccompProfile"),
        (lambda pod: pod.update(hostNetwork=True), "changed: hostNetwork"),
        (
            lambda pod: pod.pop("automountServiceAccountToken"),
            "changed: automountServiceAccountToken",
        ),
        (
            lambda pod: pod["containers"][0]["securityContext"].pop("capabilities"),
            "changed: web.capabilities",
        ),
        (
            lambda pod: pod["containers"][0]["securityContext"].update(runAsNonRoot=False),
            "changed: web.runAsNonRoot",
        ),
        (
            lambda pod: pod["containers"][0]["securityContext"].update(privileged=True),
            "changed: web.privileged",
        ),
        (
            lambda pod: pod["volumes"].append({"name": "all", "hostPath": {"path": "/"}}),
            "changed: all.hostPath",
        ),
    ],
)
def test_a_lost_hardening_is_told_by_name(edit: Callable[[Any], Any], told: str) -> None:
    """N17, G10: what somebody took out of the pod template, or opened."""
    spec = release()
    made = deployment(spec, spec.services[0], "")["spec"]["template"]["spec"]
    edit(made)
    assert hardening(made) == told
