"""The fields of manifests, as rendered and as found; no cluster is asked."""

from typing import Any

import pytest

from blocks.platforms.kubernetes_manifest_fields import ADDED, fields_of, project
from blocks.platforms.kubernetes_manifests import Manifests
from slipway.canonical import JsonObject
from tests.fakes.manifests import deployment, packed, service
from tests.unit.blocks.platforms.kubernetes_manifest_releases import JOB, as_stored, manifests
from tests.unit.blocks.platforms.kubernetes_releases import IMAGE


def fields(one: Manifests, found: dict[tuple[str, str, str], JsonObject]) -> dict[str, str]:
    return fields_of(one.spec, one.objects, found)


def test_what_runs_as_rendered_shows_no_difference() -> None:
    """E7: hooks, the candidate's annotation and what the server adds are no fields."""
    one = manifests(packed(deployment("web"), service("web"), JOB))
    found = fields(one, as_stored(one))
    assert found.items() <= one.fields.items()
    assert {key.partition(".")[0] for key in one.fields.keys() - found.keys()} <= {
        *("front", "strategy", "health", "secrets"),
    }
    assert not [key for key in found if key.startswith("Job")]
    assert found["web.config.GREETING"] == "hello"
    assert found["Deployment/web.spec.template.spec.containers[web].image"] == IMAGE


def test_an_object_that_is_gone_shows_none_of_its_fields() -> None:
    one = manifests()
    found = as_stored(one)
    del found["", "Service", "web"]
    assert not [key for key in fields(one, found) if key.startswith("Service/web")]


def set_env(made: JsonObject) -> None:
    made["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "DEBUG", "value": "1"}]


def scale(made: JsonObject) -> None:
    made["spec"]["replicas"] = 5


def add_container(made: JsonObject) -> None:
    made["spec"]["template"]["spec"]["containers"].append({"name": "shell", "image": "busybox"})


def name_amounts_otherwise(made: JsonObject) -> None:
    limits = made["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
    limits |= {"cpu": "0.25", "memory": "128Mi"}


def fill_in_defaults(made: JsonObject) -> None:
    made["spec"] |= {"paused": None}
    made["spec"]["template"]["spec"] |= {"dnsPolicy": "ClusterFirst", "schedulerName": "default"}


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (set_env, {"spec.template.spec.containers[web].env": ADDED}),
        (scale, {"spec.replicas": "5"}),
        (add_container, {"spec.template.spec.containers[shell]": ADDED}),
        (name_amounts_otherwise, {}),
        (fill_in_defaults, {}),
    ],
)
def test_what_a_person_changed_is_told_and_what_the_server_wrote_is_not(
    change: Any, shown: dict[str, str]
) -> None:
    """B8: additions to containers and lists as well."""
    one = manifests()
    before, stored = fields(one, as_stored(one)), as_stored(one)
    change(stored["apps", "Deployment", "web"])
    after = fields(one, stored)
    differing = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert {k.removeprefix("Deployment/web."): after.get(k) for k in differing} == shown


@pytest.mark.parametrize(
    ("wanted", "found", "shown"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, {".a": "1"}),
        ({"a": 1}, {"a": "1"}, {".a": "1"}),
        ({"a": 1}, {}, {}),
        ({"a": False, "b": "", "c": 0}, {}, {".a": "false", ".b": "", ".c": "0"}),
        ({"a": None}, {"a": 1}, {}),
        ({"egress": []}, {"egress": [{"to": []}]}, {".egress": ADDED}),
        ({"podSelector": {}}, {"podSelector": {"app": "x"}}, {".podSelector": ADDED}),
        ({"emptyDir": {}}, {"emptyDir": {"medium": ""}}, {}),
        ({"hard": {"cpu": "1000m"}}, {"hard": {"cpu": "1"}}, {".hard.cpu": "1000m"}),
        ({"cpu": "1000m"}, {"cpu": "1"}, {".cpu": "1"}),
        (
            {"p": [{"name": "b", "x": 1}]},
            {"p": [{"name": "a"}, {"name": "b", "x": 2}]},
            {".p[b].name": "b", ".p[b].x": "2", ".p[a]": ADDED},
        ),
        ({"p": [{"x": 1}]}, {"p": [{"x": 1}, {"x": 2}]}, {".p[0].x": "1", ".p[1]": ADDED}),
        ({"args": ["a", "b"]}, {"args": ["a"]}, {".args": '["a"]'}),
        ({"labels": {"slipway.dev/release": "1", "a": "b"}}, {"labels": {}}, {}),
    ],
)
def test_an_object_is_seen_through_what_its_manifest_says(
    wanted: JsonObject, found: JsonObject, shown: dict[str, str]
) -> None:
    assert dict(project(wanted, found)) == shown


def test_a_long_value_is_told_by_its_digest() -> None:
    ((_, text),) = project({"data": "x" * 5000}, {"data": "x" * 5000})
    assert text.startswith("sha256:")
