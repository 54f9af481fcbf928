"""What AWS answers, as our errors, by the code alone; and the requests as data."""

import logging

import pytest
from botocore.exceptions import (
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    ReadTimeoutError,
)
from pydantic import SecretStr

from blocks.secrets import aws_parameter_store, aws_secrets_manager
from blocks.secrets.aws import answered, aws_errors, hush
from slipway.errors import (
    AccessDenied,
    BadInput,
    Busy,
    Refused,
    SecretMissing,
    SlipwayError,
    Unreachable,
)

ANSWERS = [
    ("ResourceNotFoundException", 400, SecretMissing),
    ("ParameterNotFound", 400, SecretMissing),
    ("ParameterVersionNotFound", 400, SecretMissing),
    ("AccessDeniedException", 400, AccessDenied),
    ("UnrecognizedClientException", 400, AccessDenied),
    ("DecryptionFailure", 400, AccessDenied),
    ("ExpiredTokenException", 400, AccessDenied),
    ("ThrottlingException", 400, Unreachable),
    ("TooManyUpdates", 400, Unreachable),
    ("InternalServiceError", 500, Unreachable),
    ("ServiceUnavailable", 503, Unreachable),
    ("ResourceExistsException", 400, Busy),
    ("LimitExceededException", 400, Refused),
    ("ValidationException", 400, BadInput),
    ("NeverSeenBefore", 400, Refused),
]


@pytest.mark.parametrize(("code", "status", "expected"), ANSWERS)
def test_an_answer_is_told_by_its_code_and_never_by_its_text(
    code: str, status: int, expected: type[SlipwayError]
) -> None:
    response = {
        "Error": {"Code": code, "Message": "Value 'canary' failed"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    error = answered("shop/prod/key", response)
    assert type(error) is expected
    assert "shop/prod/key" in str(error)
    assert code in (error.found or "")
    assert "canary" not in f"{error} {vars(error)}"


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (EndpointConnectionError(endpoint_url="https://canary"), Unreachable),
        (ReadTimeoutError(endpoint_url="https://canary"), Unreachable),
        (NoCredentialsError(), AccessDenied),
        (NoRegionError(), BadInput),
        (ParamValidationError(report="canary"), BadInput),
    ],
)
def test_what_botocore_raises_comes_out_of_our_tree(
    raised: Exception, expected: type[SlipwayError]
) -> None:
    with pytest.raises(expected) as error, aws_errors("shop/prod/key"):
        raise raised
    assert type(error.value) is expected
    assert error.value.__suppress_context__
    assert "canary" not in str(error.value)


def test_botocore_logs_no_request_at_debug() -> None:
    logger = logging.getLogger("botocore")
    logger.setLevel(logging.DEBUG)
    hush()
    assert not logging.getLogger("botocore.endpoint").isEnabledFor(logging.DEBUG)
    logger.setLevel(logging.ERROR)
    hush()
    assert logger.level == logging.ERROR


def test_requests_to_secrets_manager() -> None:
    value = SecretStr("v")
    put = {"SecretId": "shop/prod/key", "ClientRequestToken": "t", "SecretString": "v"}
    assert aws_secrets_manager.put_request("shop/prod/key", value, "t") == put
    assert aws_secrets_manager.create_request("shop/prod/key", value, "t", "alias/k") == {
        "Name": "shop/prod/key",
        "ClientRequestToken": "t",
        "SecretString": "v",
        "Tags": [{"Key": "managed-by", "Value": "slipway"}],
        "KmsKeyId": "alias/k",
    }


def test_request_to_parameter_store_is_encrypted() -> None:
    request = aws_parameter_store.put_request("/shop/prod/key", SecretStr("v"), None, "Standard")
    assert request == {
        "Name": "/shop/prod/key",
        "Value": "v",
        "Type": "SecureString",
        "Overwrite": True,
        "Tier": "Standard",
    }


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ({"VersionIdsToStages": {"a": ["AWSPREVIOUS"], "b": ["AWSCURRENT", "x"]}}, "b"),
        ({"VersionIdsToStages": {"a": ["AWSPENDING"]}}, None),
        ({"VersionIdsToStages": {"b": ["AWSCURRENT"]}, "DeletedDate": 1}, None),
        ({}, None),
    ],
)
def test_the_current_version_is_the_labelled_one(
    described: dict[str, object], expected: str | None
) -> None:
    assert aws_secrets_manager.current_version(described) == expected
