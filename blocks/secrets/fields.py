"""Fields that blocks of several secret stores have."""

from typing import Annotated

from prefect_aws import AwsCredentials
from pydantic import Field

Folder = Annotated[
    str,
    Field(
        title="Folder",
        description="Goes before APP/ENVIRONMENT/NAME; empty, or words that each end with a slash.",
        examples=["slipway/"],
        pattern=r"^([A-Za-z0-9_.-]+/)*$",
        max_length=200,
    ),
]

AwsLogin = Annotated[
    AwsCredentials,
    Field(
        title="AWS credentials",
        description="Best without keys: region_name alone, and the role of the process.",
        examples=["aws-prod"],
    ),
]

KmsKey = Annotated[
    str | None,
    Field(
        title="KMS key",
        description="Id or ARN of the key that encrypts; the account's own key by default.",
        examples=["alias/slipway"],
    ),
]
