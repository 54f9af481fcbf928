"""A cluster as settings, a specification or a saved block name it."""

from pathlib import Path

import pytest

from blocks.compose import Installation, namespace_of, open_platform
from blocks.platforms import saved
from blocks.platforms.kubernetes import KubernetesPlatform
from slipway.errors import BadInput
from slipway.ledger import Kind
from slipway.release import Target
from slipway.settings import RuntimeSettings
from tests.unit.blocks.platforms.kubernetes_releases import release


def test_the_settings_name_kubeconfig_and_context(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S1-23, D5: no Prefect server is asked."""
    monkeypatch.setenv("SLIPWAY_KUBECONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("SLIPWAY_KUBE_CONTEXT", "prod")
    settings = RuntimeSettings()
    platform = open_platform(settings, "kubernetes")
    assert isinstance(platform, KubernetesPlatform)
    with pytest.raises(BadInput, match=f"{tmp_path}/config, context prod"):
        platform.access()


def test_a_rollback_finds_the_namespace_in_the_ledger(tmp_path: Path) -> None:
    """S2-25: what ran says where."""
    installation = Installation(RuntimeSettings(state=tmp_path, actor="robot"))
    spec = release()
    ledger = installation.ledger(spec.target)
    assert namespace_of(ledger.records()) is None
    body = {"candidate": "c", "spec": spec.model_dump(mode="json"), "goal": "deploy"}
    ledger.append(Kind.CLAIM, body)
    assert namespace_of(ledger.records()) == "shop-live"
    platform = installation.engine(Target(app="shop", environment="prod")).tools.platform
    assert isinstance(platform, KubernetesPlatform)
    assert platform.namespace == "shop-live"


def test_the_registry_s_login_goes_to_its_own_registry_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """G7: an image of another registry is asked for anonymously."""
    monkeypatch.setenv("SLIPWAY_REGISTRY", "registry.example.com")
    monkeypatch.setenv("SLIPWAY_REGISTRY_USERNAME", "deploy")
    monkeypatch.setenv("SLIPWAY_REGISTRY_PASSWORD", "canary")
    settings = RuntimeSettings()
    assert settings.registry_login_of("registry.example.com") is not None
    assert settings.registry_login_of("other.example.com") is None


@pytest.mark.parametrize("name", ["kubernetes/x", "slipway-kubernetes-platform/", "nowhere/x"])
def test_a_platform_that_is_not_known_names_the_types(name: str) -> None:
    with pytest.raises(BadInput, match="slipway-kubernetes-platform/NAME"):
        saved.load_platform(name)
