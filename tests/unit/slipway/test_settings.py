"""Settings of the two tiers: who gets which login, and that no value is told."""

import pytest
from pydantic import SecretStr, ValidationError

from slipway.errors import BadInput, Refused
from slipway.settings import BuildSettings, RuntimeSettings, build_settings

PASSWORD = "canary-password"
LOGIN = {"registry_username": "puller", "registry_password": SecretStr(PASSWORD)}


def test_a_login_goes_to_its_own_registry_alone() -> None:
    """G7: whoever starts a release could name another host for the credentials to be sent to."""
    settings = RuntimeSettings(registry="r.example:5000", **LOGIN)
    login = settings.login_for("r.example:5000")
    assert login is not None
    assert login[1].get_secret_value() == PASSWORD
    for host in ("evil.example", "r.example", "r.example:5001", "169.254.169.254"):
        with pytest.raises(Refused, match="another registry"):
            settings.login_for(host)


def test_a_login_without_a_registry_is_sent_nowhere() -> None:
    with pytest.raises(BadInput, match="SLIPWAY_REGISTRY is not set"):
        RuntimeSettings(**LOGIN).login_for("r.example")
    assert RuntimeSettings().login_for("r.example") is None


def test_what_is_missing_is_named_and_no_value_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """G8: a validation error of pydantic would show its input."""
    monkeypatch.setenv("SLIPWAY_BUILD_REGISTRY_PASSWORD", PASSWORD)
    monkeypatch.setenv("SLIPWAY_BUILD_REGISTRY", f"user:{PASSWORD}@host")
    with pytest.raises(BadInput, match="SLIPWAY_BUILD_SIGNING_KEY: Field required") as caught:
        build_settings()
    assert "SLIPWAY_BUILD_REGISTRY: " in str(caught.value)
    assert PASSWORD not in f"{caught.value} {caught.value.next_step}"
    with pytest.raises(ValidationError) as raw:
        BuildSettings(registry_password=SecretStr(PASSWORD), registry="r.example")
    assert PASSWORD not in str(raw.value)


def test_the_tiers_do_not_read_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """G11."""
    monkeypatch.setenv("SLIPWAY_BUILD_REGISTRY_PASSWORD", PASSWORD)
    monkeypatch.setenv("SLIPWAY_BUILD_REGISTRY_USERNAME", "pusher")
    assert RuntimeSettings().registry_login() is None
    monkeypatch.setenv("SLIPWAY_REGISTRY_PASSWORD", "other")
    assert PASSWORD not in RuntimeSettings().model_dump_json()
