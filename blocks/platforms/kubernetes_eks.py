"""Access to an EKS cluster by IAM: a presigned call of STS is the token, renewed before it ends.

https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster
"""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import boto3
from botocore.model import ServiceId
from botocore.signers import RequestSigner
from kubernetes import client

from blocks.platforms.kubernetes_access import Access, new_configuration
from blocks.secrets.aws import CONFIG, aws_errors, hush
from slipway.errors import BadInput

PREFIX = "k8s-aws-v1."
# EKS takes a token for 15 minutes after it was signed.
RENEW_SECONDS = 600
SIGNED_SECONDS = 60


@dataclass
class Token:
    """A token for one cluster, signed anew once it is ten minutes old.

    Attributes:
        session: gives a session; asked each time, so that a role's own session is renewed, too.
        region: of the cluster. cluster: its name.
    """

    session: Callable[[], boto3.Session]
    region: str
    cluster: str
    clock: Callable[[], float] = time.monotonic
    _text: str = field(default="", repr=False)
    _signed: float = 0.0

    def __call__(self) -> str:
        """The token.

        Raises:
            BadInput, AccessDenied, Unreachable: the credentials give nothing to sign with.
        """
        if not self._text or self.clock() - self._signed >= RENEW_SECONDS:
            self._text, self._signed = self._sign(), self.clock()
        return self._text

    def _sign(self) -> str:
        hush()
        with aws_errors("sts"):
            session: Any = self.session()
            credentials = session.get_credentials()
            if credentials is None:
                raise BadInput(
                    "no AWS credentials to sign a token for EKS with",
                    next_step="fill in the AWS credentials block, or give the worker a role",
                )
            signer = RequestSigner(
                ServiceId("STS"), self.region, "sts", "v4", credentials, session.events
            )
            url = signer.generate_presigned_url(
                identity_request(self.region, self.cluster),
                region_name=self.region,
                expires_in=SIGNED_SECONDS,
                operation_name="",
            )
        return PREFIX + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def identity_request(region: str, cluster: str) -> dict[str, Any]:
    """The request that is signed: who am I, for this cluster alone. Pure."""
    return {
        "method": "GET",
        "url": f"https://sts.{region}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15",
        "body": {},
        "headers": {"x-k8s-aws-id": cluster},
        "context": {},
    }


def by_iam(session: Callable[[], boto3.Session], region: str, cluster: str) -> Access:
    """A way to the EKS cluster of that name; its address and authority are asked of EKS."""
    token = Token(session, region, cluster)

    def opened() -> client.ApiClient:
        hush()
        with aws_errors("eks"):
            eks = session_client(session(), region)
            try:
                found = eks.describe_cluster(name=cluster)["cluster"]
            except eks.exceptions.ResourceNotFoundException:
                raise BadInput(
                    "there is no such EKS cluster",
                    found=ascii(cluster[:100]),
                    allowed=f"a cluster of this account in {region}",
                    next_step="correct the platform block's cluster or region",
                ) from None
        return reach(found["endpoint"], found["certificateAuthority"]["data"], token)

    return opened


def session_client(session: Any, region: str) -> Any:
    """A client of EKS."""
    return session.client("eks", region_name=region, config=CONFIG)


def reach(endpoint: str, authority: str, token: Callable[[], str]) -> client.ApiClient:
    """A client of that address; the token is asked for before each request.

    Args:
        authority: certificate of the cluster's authority, PEM in base64.
    """
    made = new_configuration()
    made.host = endpoint
    made.ca_cert_data = base64.b64decode(authority).decode()

    def renew(configuration: client.Configuration) -> None:
        configuration.api_key["BearerToken"] = f"Bearer {token()}"

    made.refresh_api_key_hook = cast(Any, renew)  # inferred as None by the missing annotation
    renew(made)
    return client.ApiClient(made)
