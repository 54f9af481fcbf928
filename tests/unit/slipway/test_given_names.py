"""The names of the design work as given: three are secrets, three are config (S0-07, S0-22)."""

import pytest
from pydantic import SecretStr

from slipway.appfile import AppFile, config_of, parse
from slipway.errors import SecretMissing
from slipway.lint.words import is_config
from slipway.secret_formats import check_format

GIVEN = """
app: shop
images: {web: {port: 8000}}
secrets:
  database-url: {format: url, owner: team@example.org, maximum_age_days: 90}
  external-api-keys: {format: list, owner: team@example.org}
  application-config: {format: json, owner: team@example.org}
config:
  K8S_NAMESPACE: shop
  K8S_SERVICE_ACCOUNT: shop-runner
  FEATURE_FLAGS: '{"new_checkout": false}'
environments:
  dev: {port: 8001}
  prod: {port: 8002, config: {FEATURE_FLAGS: '{"new_checkout": true}'}}
"""
VALUES = {
    "database-url": "postgresql://user:pass@db.example.org:5432/shop",
    "external-api-keys": "key1,key2,key3",
    "application-config": '{"timeout": 30, "retries": 3}',
}
WRONG = {
    "database-url": "db.example.org",
    "external-api-keys": "key1,,key3",
    "application-config": "{timeout: 30}",
}


@pytest.fixture
def appfile() -> AppFile:
    return parse(GIVEN.encode())


@pytest.mark.parametrize("name", VALUES)
def test_a_given_secret_has_its_format(appfile: AppFile, name: str) -> None:
    check_format(name, appfile.secrets[name].format, SecretStr(VALUES[name]))


@pytest.mark.parametrize("name", WRONG)
def test_a_value_of_another_form_is_refused_by_name(appfile: AppFile, name: str) -> None:
    with pytest.raises(SecretMissing, match=name) as refused:
        check_format(name, appfile.secrets[name].format, SecretStr(WRONG[name]))
    assert WRONG[name] not in str(refused.value)


def test_given_config_differs_by_environment_and_travels_in_the_release(appfile: AppFile) -> None:
    """S0-10: environment-specific configuration without another image."""
    assert config_of(appfile, "dev", "web")["FEATURE_FLAGS"] == '{"new_checkout": false}'
    assert config_of(appfile, "prod", "web")["FEATURE_FLAGS"] == '{"new_checkout": true}'
    assert config_of(appfile, "prod", "web")["K8S_NAMESPACE"] == "shop"


@pytest.mark.parametrize("name", ["k8s-namespace", "k8s-service-account", "feature-flags"])
def test_given_config_among_the_secrets_is_told(name: str) -> None:
    """S0-22: the linter says where it belongs."""
    assert is_config(name)
