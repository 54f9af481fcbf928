"""Runtime secrets in AWS Systems Manager Parameter Store, SecureString alone.

Named /FOLDER/APP/ENVIRONMENT/NAME. A version is the parameter's number with the moment it was
written, since numbers begin again where a parameter was deleted and made anew. The last 100
versions are readable as NAME:NUMBER. Source:
https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from prefect.blocks.core import Block
from prefect_aws import AwsCredentials
from pydantic import Field, SecretStr

from blocks.secrets.aws import aws_errors, missing, open_client
from blocks.secrets.fields import AwsLogin, Folder, KmsKey
from blocks.secrets.values import plain
from slipway.canonical import JsonObject
from slipway.errors import SecretMissing
from slipway.names import check_name
from slipway.release import Target
from slipway.secret import SecretState, check_value, newest_stays, secret_names, version_gone

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

SECURE = "SecureString"
LONGEST = {"Standard": 4096, "Advanced": 8192}
PAGE = 10


class AwsParameterStore(Block):
    """Where in Parameter Store runtime secrets are; their values are there alone."""

    _block_type_name = "Slipway AWS Parameter Store"
    _block_type_slug = "slipway-aws-parameter-store"
    _description = "Keeps runtime secrets in AWS Parameter Store; Prefect holds this reference."

    credentials: AwsLogin
    folder: Folder = ""
    kms_key: KmsKey = None
    tier: Literal["Standard", "Advanced"] = Field(
        default="Standard",
        title="Tier",
        description="Standard takes 4 KiB and is free; Advanced takes 8 KiB and is charged.",
        examples=["Standard"],
    )

    def store(self, target: Target) -> "ParameterStore":
        """The store of one target."""
        folder = f"/{self.folder}{target.app}/{target.environment}/"
        return ParameterStore(self.credentials, folder, self.kms_key, self.tier)


def put_request(parameter: str, value: SecretStr, kms_key: str | None, tier: str) -> JsonObject:
    """PutParameter: a new version, encrypted. Pure."""
    request = {
        "Name": parameter,
        "Value": value.get_secret_value(),
        "Type": SECURE,
        "Overwrite": True,
        "Tier": tier,
    }
    return {**request, "KeyId": kms_key} if kms_key else request


def version_of(parameter: Mapping[str, Any]) -> str:
    """Number and moment of a Parameter in an answer; never looks at the value. Pure."""
    return f"{parameter['Version']}.{parameter['LastModifiedDate'].timestamp():.3f}"


@dataclass(frozen=True)
class ParameterStore:
    """A SecretStore of one target. `folder` begins and ends with a slash."""

    credentials: AwsCredentials
    folder: str
    kms_key: str | None = None
    tier: str = "Standard"

    @property
    def keeps_versions(self) -> bool:
        """The last 100 versions are kept."""
        return True

    @cached_property
    def client(self) -> "SSMClient":
        """Speaks to AWS; made at first use."""
        client: SSMClient = open_client(self.credentials, "ssm")
        return client

    def versions(self, names: list[str]) -> dict[str, str]:
        """The newest version of each name. See SecretSource."""
        return {name: self.state(name).version for name in names}

    def state(self, name: str) -> SecretState:
        """See SecretStore. The value stays encrypted: nothing is decrypted for this."""
        found = self._get(self._id(name), decrypt=False)
        written = found["LastModifiedDate"]
        return SecretState(name=name, version=version_of(found), written=written)

    def read(self, name: str, version: str) -> SecretStr:
        """The value of that version. See SecretReader."""
        parameter, number = self._id(name), version.partition(".")[0]
        try:
            found = self._get(f"{parameter}:{number}", decrypt=True)
        except SecretMissing:
            raise version_gone(name, version, self.state(name).version) from None
        if version_of(found) != version:
            raise version_gone(name, version, version_of(found))
        return plain(found["Value"], name, parameter)

    def names(self) -> list[str]:
        """See SecretStore. Nothing is decrypted for this."""
        with aws_errors(self.folder):
            pages = self.client.get_paginator("get_parameters_by_path").paginate(
                Path=self.folder.rstrip("/"),
                Recursive=False,
                WithDecryption=False,
                PaginationConfig={"PageSize": PAGE},
            )
            found = [item for page in pages for item in page["Parameters"]]
        return secret_names(item["Name"].removeprefix(self.folder) for item in found)

    def write(self, name: str, value: SecretStr) -> str:
        """Write the value as the next number; its version. See SecretStore."""
        check_value(name, value, LONGEST[self.tier])
        with aws_errors(self._id(name)):
            request = put_request(self._id(name), value, self.kms_key, self.tier)
            number = self.client.put_parameter(**request)["Version"]
        return version_of(self._get(f"{self._id(name)}:{number}", decrypt=False))

    def delete(self, name: str) -> None:
        """See SecretStore."""
        with aws_errors(self._id(name)):
            try:
                self.client.delete_parameter(Name=self._id(name))
            except self.client.exceptions.ParameterNotFound:
                return

    def forget(self, name: str, version: str) -> None:
        """Nothing but the check: Parameter Store removes no single version, only the 101st."""
        try:
            newest = self.state(name).version
        except SecretMissing:
            return
        if newest == version:
            raise newest_stays(name, version)

    def _id(self, name: str) -> str:
        return self.folder + check_name(name)

    def _get(self, parameter: str, *, decrypt: bool) -> Mapping[str, Any]:
        """GetParameter, refusing what is stored in clear."""
        with aws_errors(parameter):
            found = self.client.get_parameter(Name=parameter, WithDecryption=decrypt)["Parameter"]
        if found["Type"] != SECURE:
            raise missing(parameter, f"a {found['Type']}, which is stored in clear")
        return found
