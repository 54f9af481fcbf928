"""What the demo on a cluster decides before it asks one."""

import base64
import json
from pathlib import Path

import pytest

from slipway.appfile import parse
from slipway.cli.demo.cluster import DEMO, cluster_settings, pull_access
from slipway.cli.demo.cluster_scene import APP, ClusterCopy, on_cluster
from slipway.cli.demo.pulls import refusal
from slipway.cli.demo.sources import EXAMPLES
from slipway.cli.demo.ways import Way, as_named, parts
from slipway.cli.stack.environment import runtime_environment
from slipway.cli.stack.settings import StackSettings
from slipway.errors import BadInput
from slipway.release import Target

TARGET = Target(app=APP, environment="dev")


@pytest.mark.parametrize("example", ["fastapi", "broken"])
def test_the_app_file_of_the_engine_becomes_one_of_a_cluster(example: str) -> None:
    """The same app, under a name of its own, so that both demos may stand side by side."""
    text = (EXAMPLES / example / "slipway.yaml").read_text()
    before, after = parse(text.encode()), parse(on_cluster(text).encode())
    assert (after.app, after.images, after.secrets) == (APP, before.images, before.secrets)
    assert list(after.environments) == list(before.environments)
    for name, place in after.environments.items():
        was = before.environments[name]
        assert (place.platform, place.strategy, place.port) == ("kubernetes", "blue-green", 80)
        assert [*place.analysis] == ["front-page"]
        assert (place.replicas, place.gate, place.config) == (was.replicas, was.gate, was.config)


def test_every_commit_is_for_the_cluster(tmp_path: Path) -> None:
    copy = ClusterCopy.of_example("fastapi", tmp_path / APP)
    copy.overlay("broken", "Show exchange rates")
    for revision in ("HEAD", "HEAD~1"):
        appfile = parse(copy.git("show", f"{revision}:slipway.yaml").encode())
        assert {place.platform for place in appfile.environments.values()} == {"kubernetes"}
    assert copy.git("status", "--porcelain") == ""


def test_no_cluster_is_taken_unasked() -> None:
    """Not even the one that kubectl would use."""
    with pytest.raises(BadInput, match="no cluster is named"):
        cluster_settings(None, None, StackSettings())


def test_the_worker_gets_a_cluster_that_it_finds_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has neither the shell's folder nor its KUBECONFIG."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECONFIG", "mine:other")
    known = StackSettings(state=tmp_path)
    assert "SLIPWAY_KUBECONFIG" not in runtime_environment(known)
    for given, found in ((Path("here"), "here"), (None, "mine")):
        told = runtime_environment(cluster_settings(given, "kind", known))
        assert told["SLIPWAY_KUBECONFIG"] == str(tmp_path / found)
        assert told["SLIPWAY_KUBE_CONTEXT"] == "kind"


def test_pods_pull_by_a_secret_that_their_account_names() -> None:
    login = {"registry": "127.0.0.1:5055", "username": "puller", "password": "pw"}
    (_, secret), (_, account) = pull_access("vouchers-k8s-dev", TARGET, login)
    known = json.loads(secret["stringData"][".dockerconfigjson"])["auths"]["127.0.0.1:5055"]
    assert base64.b64decode(known["auth"]) == b"puller:pw"
    assert account["metadata"]["name"] == APP
    assert account["imagePullSecrets"] == [{"name": secret["metadata"]["name"]}]
    assert account["automountServiceAccountToken"] is False


@pytest.mark.parametrize(
    ("reason", "message", "expected"),
    [
        ("ContainerCreating", "", None),
        ("ImagePullBackOff", 'Back-off pulling image "x"', None),
        ("ErrImagePull", "failed to resolve reference: 127.0.0.1:5055/none: not found", ""),
        ("ImagePullBackOff", "Back-off: ErrImagePull: none: not found", ""),
        ("ErrImagePull", "dial tcp: connection refused", "dial tcp: connection refused"),
        (
            "ErrImagePull",
            'request: Head "http://r/v2": connection refused',
            '"http://r/v2": connection refused',
        ),
        ("ErrImagePull", "401 Unauthorized", "401 Unauthorized"),
    ],
)
def test_what_a_node_says_of_the_registry(reason: str, message: str, expected: str | None) -> None:
    waiting = {"waiting": {"reason": reason, "message": message}}
    assert refusal({"status": {"containerStatuses": [{"state": waiting}]}}) == expected


def test_a_pod_that_is_not_placed_says_nothing_yet() -> None:
    assert refusal({}) is refusal({"status": {"containerStatuses": None}}) is None


def test_a_service_is_named_as_pods_name_it() -> None:
    assert parts("http://web.vouchers-k8s-dev.svc:80") == ("web", "vouchers-k8s-dev", 80)
    assert as_named("http://127.0.0.1:8081") == Way("http://127.0.0.1:8081")
    assert DEMO.startswith("slipway.dev/")
