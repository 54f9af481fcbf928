"""What is asked of the API server, as data."""

import json

import pytest

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_prove import every_object
from blocks.platforms.kubernetes_supporting import (
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
from slipway.errors import BadInput
from tests.unit.blocks.platforms.kubernetes_releases import IMAGE, release, service


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
