"""Named states of a rollout and the verdict on each."""

from typing import Any

import pytest

from blocks.platforms.kubernetes_judge import Patience, State, is_complete, problems
from blocks.platforms.kubernetes_problem import LASTING_SECONDS, UNTAKEN_SECONDS
from slipway.canonical import JsonObject
from slipway.errors import Cause, CrashLoop, ImageMissing, OutOfMemory, ProbeFailed, StepFailed
from tests.unit.blocks.platforms.kubernetes_releases import (
    as_stored,
    pod,
    release,
    service,
)

SPEC = release()


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason, "message": message}}, **more}


def ended(code: int, reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason}}


KILLED = {
    "involvedObject": {"kind": "Pod", "name": "web-1"},
    "metadata": {"name": "e"},
    "reason": "Killing",
    "message": "Container web failed liveness probe, will be restarted",
}
PULL_FAILED = {
    "involvedObject": {"kind": "Pod", "name": "web-1"},
    "metadata": {"name": "e"},
    "reason": "Failed",
    "message": 'Failed to pull image "x": not found',
}

# status of the container, events, kind, cause, words, only if it lasts
PODS: dict[str, tuple[dict[str, Any], list[JsonObject], type, Cause, str, bool]] = {
    "C2 unknown digest": (
        waiting("ErrImagePull", "manifest not found"),
        [],
        ImageMissing,
        Cause.IMAGE,
        "cannot be pulled",
        False,
    ),
    "a registry that stumbles": (
        waiting("ErrImagePull", "i/o timeout"),
        [],
        ImageMissing,
        Cause.IMAGE,
        "cannot be pulled",
        True,
    ),
    "C2 back-off": (
        waiting("ImagePullBackOff", "Back-off"),
        [PULL_FAILED],
        ImageMissing,
        Cause.IMAGE,
        "not found",
        False,
    ),
    "C1 second crash": (
        waiting("CrashLoopBackOff", restartCount=1, lastState=ended(3)),
        [],
        CrashLoop,
        Cause.CRASH,
        "exit code 3",
        False,
    ),
    "out of memory": (
        waiting("CrashLoopBackOff", restartCount=1, lastState=ended(137, "OOMKilled")),
        [],
        OutOfMemory,
        Cause.MEMORY,
        "128 MiB",
        False,
    ),
    "liveness": (
        {"restartCount": 2, "lastState": ended(137), "state": {"running": {}}},
        [KILLED],
        ProbeFailed,
        Cause.PROBE,
        "liveness probe",
        False,
    ),
    "a missing secret": (
        waiting("CreateContainerConfigError", 'secret "x" not found'),
        [],
        StepFailed,
        Cause.SECRET,
        "cannot be set up",
        True,
    ),
    "no such program": (
        waiting("RunContainerError", "exec: no such file"),
        [],
        CrashLoop,
        Cause.CRASH,
        "cannot start",
        False,
    ),
}


@pytest.mark.parametrize(
    ("status", "events", "kind", "cause", "words", "lasting"), PODS.values(), ids=PODS
)
def test_a_pod_that_cannot_run_names_its_cause(
    status: dict[str, Any],
    events: list[JsonObject],
    kind: type,
    cause: Cause,
    words: str,
    lasting: bool,
) -> None:
    """C1, C2, N24: the cause, not the clock."""
    state = State((), (pod(SPEC, ready=False, **status),), tuple(events))
    (found,) = problems(state, SPEC.id, Patience(1))
    assert found.kind is kind
    assert (found.cause or kind.default_cause) is cause
    assert words in f"{found.message} {found.found}"
    assert found.lasting is lasting


FINE = {
    "running": {},
    "starting": waiting("ContainerCreating"),
    "one crash": {"restartCount": 1, "lastState": ended(3), "state": {"running": {}}},
    "first end": {"restartCount": 0, "state": ended(3)},
}


@pytest.mark.parametrize("status", FINE.values(), ids=FINE)
def test_a_start_may_stumble_once(status: dict[str, Any]) -> None:
    state = State((), (pod(SPEC, ready=False, **status),), ())
    assert problems(state, SPEC.id, Patience(1)) == []


def test_while_baking_one_crash_is_enough_and_earlier_ones_do_not_count() -> None:
    """C4: ready, then dies."""
    crashed = pod(SPEC, restartCount=3, lastState=ended(4), state={"running": {}})
    state = State((), (crashed,), ())
    assert problems(state, SPEC.id, Patience(0, {"uid-web-1/web": 3})) == []
    (found,) = problems(state, SPEC.id, Patience(0, {"uid-web-1/web": 2}))
    assert "exit code 4" in found.message


def test_pods_of_another_release_do_not_count() -> None:
    old = release(service(config={"GREETING": "old"}))
    state = State((), (pod(old, **waiting("ImagePullBackOff")),), ())
    assert problems(state, SPEC.id, Patience(1)) == []


MOUNTS = {
    'volume "secrets" : secret "shop-secrets-1" not found': Cause.SECRET,
    'volume "tls" : references non-existent secret key: ca': Cause.SECRET,
    'volume "secrets" : configmap "texts" not found': Cause.INPUT,
    'volume "s" : failed to sync secret cache: timed out': None,
}


@pytest.mark.parametrize(("message", "cause"), MOUNTS.items())
def test_what_a_pod_waits_for_in_vain_is_told(message: str, cause: Cause | None) -> None:
    """C2, N24: a missing Secret or ConfigMap never starts the container that could fail."""
    message = f"MountVolume.SetUp failed for {message}"
    event = {"involvedObject": {"name": "web-1"}, "reason": "FailedMount", "message": message}
    made = pod(SPEC, ready=False, **waiting("ContainerCreating"))
    found = problems(State((), (made,), (event,)), SPEC.id, Patience(1))
    assert [(one.cause, one.found, one.lasting) for one in found] == (
        [(cause, message, True)] if cause else []
    )
    assert problems(State((), (pod(SPEC),), (event,)), SPEC.id, Patience(1)) == [], "it runs"


def test_a_node_that_takes_nothing_up_is_told_and_a_slow_one_is_not() -> None:
    """H5: assigned to a node whose kubelet is gone."""
    made, patience = pod(SPEC, ready=False), Patience(1)
    made["spec"] = {**made["spec"], "nodeName": "node1"}
    made["status"] = {"phase": "Pending"}
    found = problems(State((), (made,), ()), SPEC.id, patience)
    assert "node node1 does not take web-1 up" in found[0].message
    assert patience.due(found, 100.0) is None
    assert patience.due(found, 99.0 + UNTAKEN_SECONDS) is None
    assert patience.due(found, 100.0 + UNTAKEN_SECONDS) is found[0]
    made["status"] = {"phase": "Pending", "startTime": "2026-11-21T20:00:00Z"}
    assert problems(State((), (made,), ()), SPEC.id, Patience(1)) == []


def condition(message: str) -> State:
    made = as_stored(SPEC)[0][0]
    made["status"] = {
        "conditions": [{"type": "ReplicaFailure", "status": "True", "message": message}]
    }
    return State((made,), (), ())


DENIED = {
    'pods "web-1" is forbidden: exceeded quota: small, requested: cpu=1': Cause.QUOTA,
    'pods "web-1" is forbidden: violates PodSecurity "restricted:latest"': Cause.POLICY,
    'admission webhook "images" denied the request: unsigned': Cause.POLICY,
    "maximum memory usage per Container is 64Mi": Cause.POLICY,
    'pods "web-1" is forbidden: error looking up service account': Cause.PERMISSION,
}


@pytest.mark.parametrize(("message", "cause"), DENIED.items(), ids=map(str, DENIED.values()))
def test_pods_that_are_not_made_name_who_denied_them(message: str, cause: Cause) -> None:
    """C5, H6: quota and admission, once it lasts."""
    patience = Patience(1)
    found = problems(condition(message), SPEC.id, patience)
    assert found[0].cause is cause
    assert found[0].found == message
    assert patience.due(found, 100.0) is None
    assert patience.due(found, 100.0 + LASTING_SECONDS) is found[0]


def test_a_cause_that_goes_away_begins_anew() -> None:
    patience = Patience(1)
    found = problems(condition("exceeded quota"), SPEC.id, patience)
    patience.due(found, 100.0)
    assert patience.due([], 102.0) is None
    assert patience.due(found, 106.0) is None


def test_unschedulable_waits_for_a_node_that_is_on_its_way() -> None:
    """C5, S1-44: the cluster autoscaler has said that it adds one."""
    stuck = pod(SPEC, ready=False)
    stuck["status"] = {
        "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "cpu"}
        ]
    }
    (found,) = problems(State((), (stuck,), ()), SPEC.id, Patience(1))
    assert found.cause is Cause.QUOTA
    assert found.lasting
    coming = {"involvedObject": {"name": "web-1"}, "reason": "TriggeredScaleUp"}
    assert problems(State((), (stuck,), (coming,)), SPEC.id, Patience(1)) == []


def test_a_paused_deployment_is_told() -> None:
    """C6: somebody stopped the rollout."""
    made = as_stored(SPEC)[0][0]
    made["spec"]["paused"] = True
    (found,) = problems(State((made,), (), ()), SPEC.id, Patience(1))
    assert "paused" in found.message


COUNTS = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}


@pytest.mark.parametrize(
    ("status", "complete"),
    [
        ({"observedGeneration": 3, **COUNTS}, True),
        ({"observedGeneration": 2, **COUNTS}, False),
        ({"observedGeneration": 3, **COUNTS, "replicas": 3}, False),
        ({"observedGeneration": 3, **COUNTS, "availableReplicas": 1}, False),
        ({}, False),
    ],
)
def test_complete_means_all_new_all_available_none_left(
    status: dict[str, int], complete: bool
) -> None:
    """S1-28: all pods, of this template, seen by the controller."""
    made = as_stored(SPEC)[0][0]
    made["metadata"]["generation"], made["status"] = 3, status
    assert is_complete(made) is complete
