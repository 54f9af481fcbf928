"""What the two AWS stores share: a client out of an AwsCredentials block, names, and errors.

An answer's own text is never repeated: a ValidationException of AWS quotes the value.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoRegionError,
    ParamValidationError,
)
from botocore.exceptions import ConnectionError as NoConnection
from prefect_aws import AwsCredentials

from slipway.errors import (
    AccessDenied,
    BadInput,
    Busy,
    Cause,
    Refused,
    SecretMissing,
    SlipwayError,
    Unreachable,
)

CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=5, read_timeout=20
)

MISSING = frozenset({"ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound"})
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "DecryptionFailure",
        "EncryptionFailure",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidKeyId",
        "InvalidSignatureException",
        "KMSAccessDeniedException",
        "MissingAuthenticationToken",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TooManyUpdates",
    }
)
CONFLICT = frozenset({"ResourceExistsException", "ParameterAlreadyExists"})
FULL = frozenset(
    {"LimitExceededException", "ParameterLimitExceeded", "ParameterMaxVersionLimitExceeded"}
)
INVALID = frozenset({"ValidationException", "InvalidParameterException", "InvalidRequestException"})


def open_client(credentials: AwsCredentials, service: Literal["secretsmanager", "ssm"]) -> Any:
    """A client of its own: one that the block caches would outlive the session of its role."""
    hush()
    given = credentials.aws_client_parameters.get_params_override()
    config = CONFIG.merge(given.pop("config", Config()))
    with aws_errors(service):
        session = credentials.get_boto3_session()
        return session.client(service, config=config, **given)


def hush() -> None:
    """Keep botocore from logging requests and answers with their values at level DEBUG."""
    logger = logging.getLogger("botocore")
    logger.setLevel(max(logging.INFO, logger.level))


@contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """Errors of botocore come out of our tree, without the text that AWS sent.

    Args:
        what: the secret or the act, for the message.
    """
    try:
        yield
    except ClientError as error:
        raise answered(what, error.response) from None
    except (HTTPClientError, NoConnection) as error:
        raise _no_answer(what, type(error).__name__) from None
    except ParamValidationError:
        raise BadInput(f"AWS takes no such request for {what}", found="not shown") from None
    except NoRegionError:
        raise BadInput(
            f"no AWS region is known for {what}",
            next_step="set region_name in the AwsCredentials block, or AWS_REGION",
        ) from None
    except BotoCoreError as error:
        raise AccessDenied(
            f"no AWS credentials that can be used for {what}",
            found=type(error).__name__,
            next_step="look at the AwsCredentials block, or at the role of this process",
        ) from None


def answered(what: str, response: Mapping[str, Any]) -> SlipwayError:
    """Our error for an error that AWS answered, by its code alone. Pure."""
    code = str(response.get("Error", {}).get("Code", "unknown"))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in MISSING:
        return missing(what, code)
    if code in EXPIRED:
        return AccessDenied(
            f"the AWS session has expired, for {what}",
            found=code,
            next_step="renew the session token in the AwsCredentials block, or use a role",
        )
    if code in DENIED:
        return AccessDenied(
            f"AWS does not let this identity at {what}",
            found=code,
            next_step="compare its policy with the one in docs/secret-stores.md",
        )
    if code in THROTTLED:
        return Unreachable(
            f"AWS throttles requests for {what}",
            found=code,
            next_step="try again in a minute",
            cause=Cause.QUOTA,
        )
    return _other(what, code, status)


def _other(what: str, code: str, status: int) -> SlipwayError:
    if code in CONFLICT:
        return Busy(
            f"somebody else writes {what}", found=code, next_step="look at its state, then again"
        )
    if code in FULL:
        return Refused(
            f"AWS keeps no more of {what}",
            found=code,
            next_step="remove what is not used, or ask AWS for a higher quota",
            cause=Cause.QUOTA,
        )
    if code in INVALID:
        return BadInput(f"AWS takes no such request for {what}", found=code)
    if status >= 500:
        return _no_answer(what, f"{code}, HTTP {status}")
    return Refused(f"AWS refused {what}", found=f"{code[:60]!a}, HTTP {status}")


def missing(name: str, found: str) -> SecretMissing:
    """The error of a name that AWS does not have."""
    return SecretMissing(
        f"runtime secret {name} is missing",
        found=found,
        allowed="a secret of that name, in the region and account of the AwsCredentials block",
        next_step=f"write it to {name} in the AWS console, or: slipway secrets rotate",
    )


def _no_answer(what: str, found: str) -> Unreachable:
    return Unreachable(
        f"AWS did not answer for {what}",
        found=found,
        next_step="try again; look at region, endpoint and network of this process",
    )
