"""The parts of `slipway doctor` for clusters that decide something."""

from collections.abc import Callable

import pytest
from typer.testing import Result

from slipway.cli.cluster_checks import newer


@pytest.mark.parametrize(
    ("found", "remark"),
    [
        ("v1.36.3", ""),
        ("v1.37.9-eks-1a2b3c", ""),
        ("v1.38.0", ", newer than 1.37, the newest that was tried"),
        ("v2.0.0", ", newer than 1.37, the newest that was tried"),
        ("v1.39+", ", newer than 1.37, the newest that was tried"),
    ],
)
def test_a_version_that_nobody_tried_is_remarked(found: str, remark: str) -> None:
    assert newer(found) == remark


@pytest.mark.parametrize("argv", [["--namespace", "any"], ["--charts"]])
def test_options_of_a_cluster_need_one(
    slipway: Callable[..., Result], argv: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SLIPWAY_KUBECONFIG", "SLIPWAY_KUBE_CONTEXT", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    done = slipway("doctor", *argv)
    assert done.exit_code == 2
    assert "no" in done.output
