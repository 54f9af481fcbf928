"""Named states of a chart's environment, and what is concluded from each (S3-19, N03, B8)."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes_helm_argv import CHART, chart_id, description
from blocks.platforms.kubernetes_helm_observe import Chart, observation, spec_fields
from blocks.platforms.kubernetes_helm_place import HASH, REVISION
from blocks.platforms.kubernetes_helm_store import Revision, encoded
from slipway import chart_values
from slipway.canonical import JsonObject
from slipway.release import ReleaseSpec
from tests.unit.blocks.platforms.kubernetes_releases import IMAGE, release, service
from tests.unit.blocks.platforms.test_kubernetes_helm import PLACE

LABELS = {"app": "web"}
OTHER_IMAGE = f"example.com/x@sha256:{'9' * 64}"


def spec_of(version: str) -> ReleaseSpec:
    place = PLACE.model_copy(update={"values": {"version": version, "port": "${port}"}})
    return release(service(config={}), kubernetes=place)


OLD, NEW = spec_of("old"), spec_of("new")


def deployment() -> JsonObject:
    pod = {"containers": [{"name": "web", "image": IMAGE}]}
    return {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {"name": "web", "generation": 2, "uid": "d", "annotations": {REVISION: "2"}},
        "spec": {"replicas": 1, "template": {"metadata": {"labels": LABELS}, "spec": pod}},
    }


def config() -> JsonObject:
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "c"}, "data": {"A": "1"}}


def revision(number: int, status: str, spec: ReleaseSpec, told: str | None = None) -> Revision:
    labels = {"version": str(number), "status": status, CHART: chart_id(spec)}
    labels[names.RELEASE] = spec.id
    info = {"status": status, "description": told or description(spec, "")}
    manifest = yaml.safe_dump_all([deployment(), config()])
    body = {"info": info, "config": chart_values.filled(spec), "manifest": manifest}
    metadata = {"name": f"v{number}", "labels": labels}
    return Revision({"metadata": metadata, "data": {"release": encoded(body)}})


def pod(name: str, template: str, *, ready: bool = True) -> JsonObject:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    metadata = {"name": name, "labels": {**LABELS, HASH: template}}
    metadata["ownerReferences"] = [{"uid": f"rs-{template}"}]
    return {"metadata": metadata, "status": {"conditions": conditions}}


def replica_set(template: str, number: str) -> JsonObject:
    metadata: dict[str, Any] = {"uid": f"rs-{template}", "labels": {HASH: template}}
    metadata |= {"annotations": {REVISION: number}, "ownerReferences": [{"uid": "d"}]}
    return {"metadata": metadata}


def settled() -> Chart:
    """The new release, complete, after the old one."""
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    live = {**deployment(), "status": {"observedGeneration": 2, **dict.fromkeys(counts, 1)}}
    live["metadata"] = {**live["metadata"], "resourceVersion": "1"}
    made = {**config(), "metadata": {"name": "c", "uid": "c"}}
    return Chart(
        history=(revision(1, "superseded", OLD), revision(2, "deployed", NEW)),
        deployments={"web": live},
        services={},
        configs={"c": made},
        sets=(replica_set("old", "1"), replica_set("new", "2")),
        pods=(pod("p", "new"),),
        versions={"database-url": "v7"},
    )


def changed(change: Callable[[JsonObject], None]) -> Chart:
    live = copy.deepcopy(settled().deployments["web"])
    change(live)
    return replace(settled(), deployments={"web": live})


def rolling(*pods: JsonObject) -> Chart:
    made = changed(lambda live: live["status"].update(updatedReplicas=0))
    return replace(made, pods=pods)


def on_top(status: str, told: str) -> Chart:
    made = settled()
    return replace(made, history=(*made.history, revision(3, status, NEW, told)))


def by_hand(told: str) -> Chart:
    first, second = settled().history
    second = Revision({**second.secret, "metadata": {**second.secret["metadata"]}})
    labels = {**second.labels, "status": "superseded"}
    second.secret["metadata"]["labels"] = labels
    return replace(settled(), history=(first, second, revision(3, "deployed", NEW, told)))


def scale(live: JsonObject) -> None:
    live["spec"]["replicas"] = 3


def pause(live: JsonObject) -> None:
    live["spec"]["paused"] = True


def other_image(live: JsonObject) -> None:
    live["spec"]["template"]["spec"]["containers"][0]["image"] = OTHER_IMAGE


STATES: dict[str, tuple[Chart, str | None, dict[str, str]]] = {
    "settled": (settled(), NEW.id, {}),
    "old pods serve, new ones start": (
        rolling(pod("a", "old"), pod("b", "new", ready=False)),
        OLD.id,
        {},
    ),
    "both serve": (rolling(pod("a", "old"), pod("b", "new")), NEW.id, {}),
    "no pod is ready": (rolling(pod("a", "old", ready=False)), None, {}),
    "a failed upgrade": (on_top("failed", "Upgrade failed: x"), NEW.id, {"helm": "failed"}),
    "a pending upgrade": (on_top("pending-upgrade", "Preparing"), NEW.id, {"helm": "failed"}),
    "rolled back by people": (by_hand("Rollback to 1"), OLD.id, {"release": OLD.id}),
    "scaled": (changed(scale), NEW.id, {"Deployment/web.replicas": "3"}),
    "paused": (changed(pause), NEW.id, {"Deployment/web.paused": "true"}),
    "another image": (changed(other_image), NEW.id, {"Deployment/web.web.image": OTHER_IMAGE}),
    "no Deployment": (replace(settled(), deployments={}), None, {"Deployment/web": "(absent)"}),
    "no ConfigMap": (replace(settled(), configs={}), NEW.id, {"ConfigMap/c": "(absent)"}),
}


@pytest.mark.parametrize("name", STATES)
def test_what_serves_and_what_differs(name: str) -> None:
    chart, serving, differing = STATES[name]
    found = observation(chart, "shop-live")
    wanted = spec_fields(NEW)
    told = {k: v for k, v in found.fields.items() if wanted.get(k) != v}
    assert told == differing
    assert found.serving == serving


def test_an_upgrade_by_people_tells_none_of_their_values() -> None:
    """G10: they may hold secrets."""
    found = observation(by_hand("Upgrade complete"), "shop-live")
    assert found.fields["release"] == "revision 3 by hand"
    assert found.serving is None
    assert not [key for key in found.fields if key.startswith("values")]


def test_a_repair_alone_makes_no_plan_stale() -> None:
    """What takes over marks a pending revision as failed: nothing else has changed."""
    before, after = on_top("pending-upgrade", "x"), on_top("failed", "given up")
    assert observation(before, "p").revision == observation(after, "p").revision
    assert observation(settled(), "p").revision != observation(after, "p").revision
