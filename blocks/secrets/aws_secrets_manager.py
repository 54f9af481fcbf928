"""Runtime secrets in AWS Secrets Manager, named FOLDER/APP/ENVIRONMENT/NAME.

A version is the VersionId. Secrets Manager moves the staging labels AWSCURRENT and AWSPREVIOUS at
each write; a version without a label stays readable by its id until Secrets Manager removes it,
which it does above 100 versions and never within the first day.
Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from prefect.blocks.core import Block
from prefect_aws import AwsCredentials
from pydantic import SecretStr

from blocks.secrets.aws import aws_errors, missing, open_client
from blocks.secrets.fields import AwsLogin, Folder, KmsKey
from blocks.secrets.values import plain
from slipway.canonical import JsonObject
from slipway.errors import BadInput, SecretMissing
from slipway.names import check_name
from slipway.release import Target
from slipway.secret import SecretState, check_value, newest_stays, secret_names, version_gone

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

LONGEST = 65_536
CURRENT, PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"
RECOVERY_DAYS = 7


class AwsSecretsManager(Block):
    """Where in Secrets Manager runtime secrets are; their values are there alone."""

    _block_type_name = "Slipway AWS Secrets Manager"
    _block_type_slug = "slipway-aws-secrets-manager"
    _description = "Keeps runtime secrets in AWS Secrets Manager; Prefect holds this reference."

    credentials: AwsLogin
    folder: Folder = ""
    kms_key: KmsKey = None

    def store(self, target: Target) -> "SecretsManagerStore":
        """The store of one target."""
        folder = f"{self.folder}{target.app}/{target.environment}/"
        return SecretsManagerStore(self.credentials, folder, self.kms_key)


def put_request(secret: str, value: SecretStr, token: str) -> JsonObject:
    """PutSecretValue. The token names the version, so that a repeated request writes once. Pure."""
    return {
        "SecretId": secret,
        "ClientRequestToken": token,
        "SecretString": value.get_secret_value(),
    }


def create_request(secret: str, value: SecretStr, token: str, kms_key: str | None) -> JsonObject:
    """CreateSecret, tagged as ours. Pure."""
    request = {
        "Name": secret,
        "ClientRequestToken": token,
        "SecretString": value.get_secret_value(),
        "Tags": [{"Key": "managed-by", "Value": "slipway"}],
    }
    return {**request, "KmsKeyId": kms_key} if kms_key else request


def current_version(described: Mapping[str, Any]) -> str | None:
    """The VersionId with AWSCURRENT in DescribeSecret's answer; None while deletion waits. Pure."""
    if described.get("DeletedDate"):
        return None
    stages: Mapping[str, list[str]] = described.get("VersionIdsToStages") or {}
    return next((version for version, labels in stages.items() if CURRENT in labels), None)


@dataclass(frozen=True)
class SecretsManagerStore:
    """A SecretStore of one target. `folder` ends with a slash."""

    credentials: AwsCredentials
    folder: str
    kms_key: str | None = None

    @property
    def keeps_versions(self) -> bool:
        """Older versions stay readable by their id."""
        return True

    @cached_property
    def client(self) -> "SecretsManagerClient":
        """Speaks to AWS; made at first use."""
        client: SecretsManagerClient = open_client(self.credentials, "secretsmanager")
        return client

    def versions(self, names: list[str]) -> dict[str, str]:
        """The VersionId of each name that has AWSCURRENT. See SecretSource."""
        return {name: self._current(name)[0] for name in names}

    def state(self, name: str) -> SecretState:
        """See SecretStore."""
        version, described = self._current(name)
        with aws_errors(self._id(name)):
            listed = self.client.list_secret_version_ids(SecretId=self._id(name))["Versions"]
        found = next((item for item in listed if item.get("VersionId") == version), None)
        written = found.get("CreatedDate") if found else described.get("LastChangedDate")
        return SecretState(name=name, version=version, written=written)

    def read(self, name: str, version: str) -> SecretStr:
        """The value of that VersionId. See SecretReader."""
        secret = self._id(name)
        try:
            with aws_errors(secret):
                answer = self.client.get_secret_value(SecretId=secret, VersionId=version)
        except (SecretMissing, BadInput):  # an id of another form is answered with BadInput
            raise version_gone(name, version, self._current(name)[0]) from None
        return plain(answer.get("SecretString"), name, f"{secret} (as text)")

    def names(self) -> list[str]:
        """See SecretStore. Secrets that wait for their deletion are not among them."""
        with aws_errors(self.folder):
            pages = self.client.get_paginator("list_secrets").paginate(
                Filters=[{"Key": "name", "Values": [self.folder]}]
            )
            found = [item["Name"] for page in pages for item in page["SecretList"]]
        return secret_names(
            name.removeprefix(self.folder) for name in found if name.startswith(self.folder)
        )

    def write(self, name: str, value: SecretStr) -> str:
        """Make the value AWSCURRENT, what was so AWSPREVIOUS; its VersionId. See SecretStore.

        A secret that waits for its deletion is restored first.
        """
        check_value(name, value, LONGEST)
        secret, token = self._id(name), str(uuid.uuid4())
        with aws_errors(secret):
            if (described := self._described(secret)) is None:
                request = create_request(secret, value, token, self.kms_key)
                return self.client.create_secret(**request)["VersionId"]
            if described.get("DeletedDate"):
                self.client.restore_secret(SecretId=secret)
            return self.client.put_secret_value(**put_request(secret, value, token))["VersionId"]

    def delete(self, name: str) -> None:
        """Let Secrets Manager remove the secret in 7 days; till then `write` brings it back."""
        secret = self._id(name)
        with aws_errors(secret):
            described = self._described(secret)
            if described is not None and not described.get("DeletedDate"):
                self.client.delete_secret(SecretId=secret, RecoveryWindowInDays=RECOVERY_DAYS)

    def forget(self, name: str, version: str) -> None:
        """Take the label AWSPREVIOUS from that version; Secrets Manager removes it in its time."""
        secret = self._id(name)
        with aws_errors(secret):
            described = self._described(secret) or {}
            if version == current_version(described):
                raise newest_stays(name, version)
            labels = (described.get("VersionIdsToStages") or {}).get(version, [])
            for label in labels:
                self.client.update_secret_version_stage(
                    SecretId=secret, VersionStage=label, RemoveFromVersionId=version
                )

    def _id(self, name: str) -> str:
        return self.folder + check_name(name)

    def _current(self, name: str) -> tuple[str, Mapping[str, Any]]:
        secret = self._id(name)
        with aws_errors(secret):
            described = self._described(secret)
        if described is None or (version := current_version(described)) is None:
            _missing(secret, described)
        return version, described

    def _described(self, secret: str) -> Mapping[str, Any] | None:
        try:
            return self.client.describe_secret(SecretId=secret)
        except self.client.exceptions.ResourceNotFoundException:
            return None


def _missing(secret: str, described: Mapping[str, Any] | None) -> NoReturn:
    waits = described is not None and described.get("DeletedDate")
    raise missing(secret, "it waits for its deletion" if waits else "no such secret")
