"""AWS Secrets Manager and Parameter Store beyond the common contract, on a `moto_server`."""

import logging
import uuid
from typing import Any

import pytest
from pydantic import SecretStr

from blocks.secrets.aws import open_client
from blocks.secrets.aws_parameter_store import AwsParameterStore, ParameterStore
from blocks.secrets.aws_secrets_manager import AwsSecretsManager, SecretsManagerStore
from slipway.errors import AccessDenied, BadInput, SecretMissing, SlipwayError, Unreachable
from slipway.release import Target
from tests.rig.moto import credentials, failing_aws

NAME = "database-url"
KINDS = [AwsSecretsManager, AwsParameterStore]


@pytest.fixture
def target() -> Target:
    return Target(app=f"t{uuid.uuid4().hex[:8]}", environment="prod")


@pytest.fixture
def manager(moto: str, target: Target) -> SecretsManagerStore:
    return AwsSecretsManager(credentials=credentials(moto)).store(target)


@pytest.fixture
def parameters(moto: str, target: Target) -> ParameterStore:
    return AwsParameterStore(credentials=credentials(moto)).store(target)


def value() -> SecretStr:
    return SecretStr(f"canary{uuid.uuid4().hex}")


def labels(store: SecretsManagerStore) -> dict[str, list[str]]:
    return dict(store.client.describe_secret(SecretId=store._id(NAME))["VersionIdsToStages"])


def test_a_rotation_moves_the_labels(manager: SecretsManagerStore) -> None:
    """S0-10: what else reads AWSCURRENT gets the new value, AWSPREVIOUS the one before."""
    first, second = manager.write(NAME, value()), manager.write(NAME, value())
    assert labels(manager)[second] == ["AWSCURRENT"]
    assert labels(manager)[first] == ["AWSPREVIOUS"]
    manager.forget(NAME, first)
    assert "AWSPREVIOUS" not in labels(manager).get(first, [])


def test_the_secret_is_named_by_app_environment_and_name(
    manager: SecretsManagerStore, target: Target
) -> None:
    manager.write(NAME, value())
    described = manager.client.describe_secret(SecretId=f"{target.app}/prod/{NAME}")
    assert described["Tags"] == [{"Key": "managed-by", "Value": "slipway"}]


def test_a_secret_that_waits_for_its_deletion_is_missing_and_comes_back(
    manager: SecretsManagerStore,
) -> None:
    manager.write(NAME, value())
    manager.delete(NAME)
    with pytest.raises(SecretMissing, match="waits for its deletion"):
        manager.versions([NAME])
    written = value()
    assert manager.read(NAME, manager.write(NAME, written)) == written


def test_a_binary_secret_is_told(manager: SecretsManagerStore) -> None:
    manager.client.create_secret(Name=manager._id(NAME), SecretBinary=b"canary")
    with pytest.raises(SecretMissing, match="as text") as missing:
        manager.read(NAME, manager.versions([NAME])[NAME])
    assert "canary" not in str(missing.value)


def test_names_of_a_longer_app_are_not_listed(moto: str, target: Target) -> None:
    longer = Target(app=target.app, environment="prod-eu")
    for kind in KINDS:
        kind(credentials=credentials(moto)).store(longer).write(NAME, value())
        assert kind(credentials=credentials(moto)).store(target).names() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_goes_before_the_name(moto: str, target: Target, kind: Any) -> None:
    written = value()
    inside = kind(credentials=credentials(moto), folder="slipway/").store(target)
    version = inside.write(NAME, written)
    assert (inside.names(), inside.read(NAME, version)) == ([NAME], written)
    assert kind(credentials=credentials(moto)).store(target).names() == []


def test_a_parameter_in_clear_is_refused(parameters: ParameterStore) -> None:
    """S0-09: a String is readable by who may not decrypt."""
    parameters.client.put_parameter(Name=parameters._id(NAME), Value="canary", Type="String")
    for ask in (lambda: parameters.state(NAME), lambda: parameters.read(NAME, "1.0")):
        with pytest.raises(SecretMissing, match="stored in clear") as missing:
            ask()
        assert "canary" not in str(missing.value)


def test_a_standard_parameter_takes_4_kib(parameters: ParameterStore) -> None:
    parameters.write(NAME, SecretStr("x" * 4096))
    with pytest.raises(BadInput, match="cannot be stored"):
        parameters.write(NAME, SecretStr("x" * 4097))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "AccessDeniedException", AccessDenied),
        (400, "ExpiredTokenException", AccessDenied),
        (400, "ThrottlingException", Unreachable),
        (500, "InternalServiceError", Unreachable),
        (400, "ValidationException", BadInput),
    ],
)
def test_an_error_of_aws_is_told_without_its_text(
    target: Target, kind: Any, status: int, code: str, expected: type[SlipwayError]
) -> None:
    """Final or retryable by type; AWS quotes values in its texts, we never do."""
    written = value()
    text = f"Value '{written.get_secret_value()}' at 'value' failed to satisfy constraint"
    with failing_aws(status, code, text) as endpoint:
        store = kind(credentials=credentials(endpoint)).store(target)
        for ask in (
            lambda: store.write(NAME, written),
            lambda: store.versions([NAME]),
            store.names,
        ):
            with pytest.raises(expected) as error:
                ask()
            assert written.get_secret_value() not in f"{error.value} {vars(error.value)}"
            assert error.value.__suppress_context__


@pytest.mark.parametrize("kind", KINDS)
def test_a_debug_run_logs_no_value(
    moto: str, target: Target, kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """G8: botocore would log requests and answers whole."""
    written = value()
    logging.getLogger("botocore").setLevel(logging.NOTSET)
    with caplog.at_level(logging.DEBUG):
        store = kind(credentials=credentials(moto)).store(target)
        store.read(NAME, store.write(NAME, written))
    assert written.get_secret_value() not in caplog.text


def test_a_client_is_not_shared_with_the_block(moto: str) -> None:
    """H2: what the block caches would keep a session whose role has run out."""
    block = credentials(moto)
    assert open_client(block, "ssm") is not open_client(block, "ssm")
