"""A canary on a cluster: which steps it takes, and when there is a stable set to stand beside."""

from typing import Any

import pytest

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes import KubernetesPlatform
from blocks.platforms.kubernetes_canary import is_whole, serves, stands_beside
from blocks.platforms.kubernetes_retire import is_replaced, surplus
from blocks.platforms.kubernetes_supporting import preview, services
from blocks.platforms.kubernetes_workload import canary_deployment, deployment
from slipway.canonical import JsonObject
from slipway.release import KubernetesSpec, ReleaseSpec
from tests.unit.blocks.platforms.kubernetes_releases import DIGEST, release, service, weighted

CANARY = release(strategy="canary", **weighted(10, 50))
PLACE = {"namespace": "shop-live", "service_account": "shopper"}
AROUND = ["namespace present", "release accepted", "config and secrets written"]
STEPS: dict[str, tuple[ReleaseSpec, ReleaseSpec | None, list[str]]] = {
    "beside what rolled": (
        CANARY,
        release(),
        [
            *AROUND,
            "canary at 10 %",
            "canary at 50 %",
            "workloads applied",
            "rollout complete",
            "canary removed",
            "traffic switched",
            "release verified",
        ],
    ),
    "after a colour": (
        CANARY,
        release(strategy="blue-green"),
        [*AROUND, "workloads applied", "rollout complete", "traffic switched", "release verified"],
    ),
    "way back": (
        CANARY,
        None,
        [
            "namespace present",
            "canary withdrawn",
            *AROUND[1:],
            "workloads applied",
            "rollout complete",
            "traffic switched",
            "release verified",
        ],
    ),
    "colour": (
        release(strategy="blue-green"),
        release(),
        [
            *AROUND,
            "workloads applied",
            "rollout complete",
            "preview verified",
            "traffic switched",
            "release verified",
        ],
    ),
    "way back to a colour": (
        release(strategy="blue-green"),
        None,
        [*AROUND, "workloads applied", "rollout complete", "traffic switched", "release verified"],
    ),
}


def no_client() -> Any:
    raise AssertionError("listing steps asks no cluster")


@pytest.mark.parametrize(("spec", "previous", "expected"), STEPS.values(), ids=STEPS)
def test_which_steps_a_strategy_takes(
    spec: ReleaseSpec, previous: ReleaseSpec | None, expected: list[str]
) -> None:
    """S1-57: each weight is a step of its own, and so a boundary of the journal."""
    platform = KubernetesPlatform(no_client, "shop-live")
    assert [step.name for step in platform.forward(spec, previous)] == expected


@pytest.mark.parametrize(
    ("previous", "expected"),
    [
        (release(), True),
        (release(strategy="recreate"), True),
        (CANARY, True),
        (release(strategy="blue-green"), False),
        (release(kubernetes=KubernetesSpec(**PLACE, manifests=DIGEST)), False),
        (release(kubernetes=KubernetesSpec(**PLACE, chart=DIGEST)), False),
    ],
)
def test_what_a_canary_can_stand_beside(previous: ReleaseSpec, expected: bool) -> None:
    assert stands_beside(previous) is expected


def stored(spec: ReleaseSpec, wanted: int = 2, ready: int = 2) -> JsonObject:
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    made = deployment(spec, spec.services[0], "")
    made["metadata"]["generation"] = 1
    made["spec"]["replicas"] = wanted
    return {**made, "status": {"observedGeneration": 1, **dict.fromkeys(counts, ready)}}


WHOLE = {
    "all": (stored(CANARY), True, True),
    "one not ready": (stored(CANARY, ready=1), False, True),
    "scaled down": (stored(CANARY, 1, 1), False, True),
    "scaled up": (stored(CANARY, 5, 5), True, True),
    "another release": (stored(release()), False, True),
    "scaled to none": (stored(CANARY, 0, 0), False, False),
    "none": (None, False, False),
}


@pytest.mark.parametrize(("made", "whole", "serving"), WHOLE.values(), ids=WHOLE)
def test_whether_the_stable_set_is_whole(
    made: JsonObject | None, whole: bool, serving: bool
) -> None:
    """A canary goes at once only where the stable set alone carries all of the traffic."""
    assert is_whole(made, CANARY, CANARY.services[0]) is whole
    assert serves(made) is serving


def test_a_canary_is_replaced_by_every_other_release_and_never_kept() -> None:
    """S1-57, D6: also where its service is not the front one; the preview stays with a strategy."""
    pair = release(service(), service("back"), strategy="canary", **weighted(10))
    front = services(pair)[-1]
    for one in pair.services:
        made = canary_deployment(pair, one, "", 1)
        assert is_replaced(made, front, CANARY.id)
        assert not is_replaced(made, front, pair.id)
        assert surplus([made], [pair], {}) == [made]
    shown = preview(pair)
    assert surplus([shown], [pair], {}) == []
    assert surplus([shown], [release(), pair], {}) == [shown]
    assert surplus([shown], [], {}) == [shown]
    assert shown["metadata"]["labels"][names.TRACK] == names.PREVIEW
