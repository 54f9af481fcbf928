"""A canary on a cluster: which steps it takes, and when there is a stable set to stand beside."""

from typing import Any

import pytest

from blocks.platforms import kubernetes_names as names
from blocks.platforms.kubernetes import KubernetesPlatform
from blocks.platforms.kubernetes_canary import is_whole, serves_another, stands_beside
from blocks.platforms.kubernetes_retire import is_replaced, surplus
from blocks.platforms.kubernetes_supporting import preview, services
from blocks.platforms.kubernetes_workload import canary_deployment, deployment
from slipway.canonical import JsonObject
from slipway.release import KubernetesSpec, ReleaseSpec
from tests.rig import analyses
from tests.unit.blocks.platforms.kubernetes_releases import DIGEST, release, service, weighted


def measured(spec: ReleaseSpec) -> ReleaseSpec:
    return spec.model_copy(update={"analysis": analyses.analysis(analyses.http())})


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
    "measured": (
        measured(CANARY),
        release(),
        [
            *AROUND,
            "canary at 10 %",
            "canary at 10 % analysed",
            "canary at 50 %",
            "canary at 50 % analysed",
            "workloads applied",
            "rollout complete",
            "canary removed",
            "traffic switched",
            "release verified",
            "release analysed",
        ],
    ),
    "measured colour": (
        measured(release(strategy="blue-green")),
        release(),
        [
            *AROUND,
            "workloads applied",
            "rollout complete",
            "preview verified",
            "preview analysed",
            "traffic switched",
            "release verified",
            "release analysed",
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
    "all": (stored(CANARY), True, False),
    "one not ready": (stored(CANARY, ready=1), False, False),
    "scaled down": (stored(CANARY, 1, 1), False, False),
    "scaled up": (stored(CANARY, 5, 5), True, False),
    "another release": (stored(release()), False, True),
    "another one amid its rollout": (stored(release(), ready=1), False, True),
    "another one scaled to none": (stored(release(), 0, 0), False, False),
    "none": (None, False, False),
}


@pytest.mark.parametrize(("made", "whole", "another"), WHOLE.values(), ids=WHOLE)
def test_whether_the_stable_set_is_whole(
    made: JsonObject | None, whole: bool, another: bool
) -> None:
    """A canary stands beside another release, and goes at once where that carries all traffic."""
    assert is_whole(made, CANARY, CANARY.services[0]) is whole
    assert serves_another(made, CANARY.id) is another


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
